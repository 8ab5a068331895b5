"""echo and echow keep the rules of the conformance kit."""

from __future__ import annotations

import sys

from clp_example import monitor, resource
from clp_example.resource import SERVER
from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World

PORT = 7007


class TestEcho(ResourceSuite):
    spec = resource.SPEC
    settings = {"port": PORT}

    def world(self) -> World:
        return World(programs={sys.executable: lambda _: None})

    def serves(self, world: World) -> bool:
        return world.listens(PORT)


class TestEchow(MonitorSuite):
    spec = monitor.SPEC
    settings = {"port": PORT}

    def world(self) -> World:
        return TestEcho().active()

    def faults(self) -> Faults:
        def silent(world: World) -> None:
            world.reach["127.0.0.1", PORT] = api.Reach.SILENT

        return {
            "the process has ended": (lambda world: world.kill(SERVER), api.Health.ERROR),
            "it does not answer": (silent, api.Health.ERROR),
        }
