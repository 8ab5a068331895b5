"""psw keeps the rules of the conformance kit."""

from __future__ import annotations

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, World
from clpcore_psw import monitor
from clpcore_psw.processes import command_lines


class TestPsw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"process": "/usr/sbin/httpd -k *", "minimum": 2}

    def world(self) -> World:
        world = World(facts={"lines": ("init", *["/usr/sbin/httpd -k start"] * 2)})
        world.library[command_lines] = lambda: world.facts["lines"]
        return world

    def faults(self) -> Faults:
        def one_has_ended(world: World) -> None:
            world.facts["lines"] = world.facts["lines"][:-1]

        return {"one has ended": (one_has_ended, api.Health.ERROR)}
