"""lbpp and lbppw keep the rules of the conformance kit."""

from __future__ import annotations

import sys

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, ResourceSuite, World
from clpcore_lbpp import flows, monitor, resource
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


def asked_by_http() -> World:
    """A machine that resets connections, and whose probe port a web client may ask."""
    world = machine()

    def answer(_request: object) -> int:
        if not world.listens(PORT):
            raise api.Failed("refused")
        return 200

    world.sites[f"http://127.0.0.1:{PORT}/"] = answer
    world.facts["connections"] = 3
    world.library[flows.cannot] = lambda: ""

    def reset(_ports: object, _addresses: object) -> int:
        reset, world.facts["connections"] = world.facts["connections"], 0
        return int(reset)

    world.library[flows.reset] = reset
    return world


class TestLbppByHttp(ResourceSuite):
    spec = resource.SPEC
    settings = {"port": PORT, "answer": "http", "reset_ports": [8080]}

    def world(self) -> World:
        return asked_by_http()

    def serves(self, world: World) -> bool:
        return world.listens(PORT)

    def test_connections_are_reset_when_the_group_leaves(self) -> None:
        world = self.active()
        assert world.facts["connections"] == 3
        assert self.play(world, "deactivate").returned
        assert world.facts["connections"] == 0


class TestLbppwByHttp(MonitorSuite):
    spec = monitor.SPEC
    settings = TestLbppByHttp.settings

    def world(self) -> World:
        return TestLbppByHttp().active()

    def faults(self) -> Faults:
        def wrong(world: World) -> None:
            world.sites[f"http://127.0.0.1:{PORT}/"] = lambda _: 503

        def old(world: World) -> None:
            world.library[flows.cannot] = lambda: "this kernel is old"

        return {
            "it answers with 503": (wrong, api.Health.ERROR),
            "connections cannot be reset": (old, api.Health.WARNING),
        }


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
