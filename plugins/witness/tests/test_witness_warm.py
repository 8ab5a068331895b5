"""Nothing is loaded at a worker's first question, which may be a claim or a late renewal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

_SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_witness import arbiter, heartbeat

kind, settings, root = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
module = {"arbiter": arbiter, "heartbeat": heartbeat}[kind]
call = api.Call(event=api.Event.START, role=api.Role.ACTIVE, epoch=0, server="node1", home="node1",
                previous="", group="g", resource="", deadline=clock.now() + 15_000)
ports = LocalPorts(call, Folders.of(Root(root), call), Limits())

async def work():
    driver = module.SPEC.make(module.Config(**settings))
    if kind == "arbiter":
        await driver.claim(call, ports, api.Holder("node1", api.Boot(1, "b"), 1))
    else:
        await (await driver.open(call, ports)).close()

module.SPEC.warm_up()
known = set(sys.modules)
asyncio.run(work())
print(json.dumps(sorted(set(sys.modules) - known)))
"""


class _Process(Protocol):
    url: str


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["arbiter", "heartbeat"])
def test_the_first_question_of_a_worker_loads_nothing(
    kind: str, process: Callable[..., _Process], server: Callable[..., Any], tmp_path: Path
) -> None:
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    command += f" -subj /CN=w -addext subjectAltName=DNS:localhost -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    more = f'listen = []\nlisten_tls = ["127.0.0.1:0"]\nprivate_key = "{key}"\n'
    running = process(f'{more}certificate = "{cert}"\n')
    url = running.url.replace("http://127.0.0.1", "https://localhost")
    settings = json.dumps(server(url, ca_file=str(cert)).settings)
    argv = [sys.executable, "-c", _SCRIPT, kind, settings, str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
