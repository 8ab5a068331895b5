"""lbpp and lbppw keep the rules of the conformance kit."""

from __future__ import annotations

import sys

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World
from clpcore_lbpp import monitor, resource
from clpcore_lbpp.resource import LISTENER

PORT = 26001


def machine() -> World:
    return World(programs={sys.executable: lambda _: None})


class TestLbpp(ResourceSuite):
    spec = resource.SPEC
    settings = {"port": PORT}

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        return world.listens(PORT)


class TestLbppw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"port": PORT}

    def world(self) -> World:
        return TestLbpp().active()

    def faults(self) -> Faults:
        def silent(world: World) -> None:
            world.reach["127.0.0.1", PORT] = api.Reach.SILENT

        return {
            "the process has ended": (lambda world: world.kill(LISTENER), api.Health.ERROR),
            "the port is silent": (silent, api.Health.ERROR),
        }

    def standby_world(self) -> World:
        return machine()

    def standby_faults(self) -> Faults:
        def stranger(world: World) -> None:
            world.strangers[PORT] = "nginx (pid 712)"

        return {"somebody listens": (stranger, api.Health.ERROR)}
