"""What is loaded when: nothing by the agent, all when a worker starts, nothing in a forced stop."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from clp_azuresim.azure import Azure

_COLD = """
import sys
import clpcore_azurefence
from clpcore_azurefence.settings import Config, validate
list(validate(Config(subscription_id="", resource_group="")))
print([name for name in ("azure", "aiohttp", "cryptography", "httpx") if name in sys.modules])
"""
_STOP = """
import asyncio, json, sys
from pathlib import Path
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azurefence import spec
from clpcore_azurefence.settings import Config

spec.warm_up()
call = api.Call(event=api.Event.START, role=api.Role.ACTIVE, epoch=0, server="node1", home="node1",
                previous="", group="", resource="", entry="forced_stop", victim="node2",
                deadline=clock.now() + 15_000)

async def stop():
    driver = spec.SPEC.make(Config(**json.loads(sys.argv[1])))
    folders = Folders.of_entry(Root(Path(sys.argv[2])), call, api.Kind.FENCE, "fence")
    ports = LocalPorts(call, folders, Limits())
    known = set(sys.modules)
    power = await driver.fence(call, ports)
    late = set(sys.modules) - known
    from clpcore_lib_azure import session
    await session.close()
    print(json.dumps([power.value, sorted(late)]))

asyncio.run(stop())
"""


class Server(Protocol):
    """See conftest.py."""

    driver: Any


def _run(*words: str) -> str:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_agent_loads_no_library_of_a_cloud() -> None:
    assert _run("-c", _COLD) == "[]\n"


@pytest.mark.timeout(60)
def test_the_first_call_of_a_worker_may_be_the_forced_stop_and_loads_nothing(
    azure: Azure, server: Server, tmp_path: Path
) -> None:
    azure.set_timing(operation=0.1)
    settings = json.dumps(attrs.asdict(server.driver.config))
    power, late = json.loads(_run("-c", _STOP, settings, str(tmp_path)))
    assert power == "off"
    assert [name for name in late if not name.startswith("encodings.")] == []
