"""What is heavy is imported when a worker starts: not by the agent, and not in a failover."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol


class Server(Protocol):
    settings: dict[str, Any]
    root: Path


_SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_azuredns import specs
from clpcore_azuredns.settings import Config, MonitorConfig

agent = {name for name in sys.modules if name.split(".")[0] in ("azure", "aiohttp", "dns")}
specs.warm_up()
given = json.loads(sys.argv[1])
given["name_servers"] = tuple(given["name_servers"])
resource = specs.AZUREDNS.make(Config(**given))
monitor = specs.AZUREDNSW.make(MonitorConfig(**given))
before = set(sys.modules)

async def fail_over():
    call = api.Call(event=api.Event.FAILOVER, role=api.Role.ACTIVE, epoch=7, server="node1",
                    home="node1", previous="", group="g", resource="azuredns1",
                    deadline=clock.now() + 10_000)
    ports = LocalPorts(call, Folders.of(Root(Path(sys.argv[2])), call), Limits())
    await resource.activate(call, ports)
    seen = await monitor.observe(call, ports)
    late = sorted(set(sys.modules) - before)
    from clpcore_lib_azure import session
    await session.close()
    print(json.dumps([sorted(agent), late, seen.health.value]))

asyncio.run(fail_over())
"""


def test_nothing_is_imported_in_a_failover(servers: tuple[Server, Server]) -> None:
    node1, _ = servers
    argv = [sys.executable, "-c", _SCRIPT, json.dumps(node1.settings), str(node1.root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=15)
    assert done.returncode == 0, done.stderr
    agent, late, health = json.loads(done.stdout)
    assert agent == []  # what the agent has loaded of the plugin
    assert late == []
    assert health == "normal"
