"""genw keeps the rules of the conformance kit."""

from __future__ import annotations

import sys

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, World
from clpcore_genw import monitor

SCRIPT = "/etc/clpcore/scripts/monitor/genw1/genw.sh"
LOG = "/var/log/clpcore/failover1/target1/genw1.log"


class TestGenw(MonitorSuite):
    spec = monitor.SPEC
    settings = {"warning_return_values": [2]}

    def world(self) -> World:
        world = World(facts={"code": 0}, files={LOG: ""})
        world.programs[SCRIPT] = lambda _: int(world.facts["code"])
        return world

    def faults(self) -> Faults:
        return {
            "it warns": (lambda world: world.facts.update(code=2), api.Health.WARNING),
            "it says no": (lambda world: world.facts.update(code=1), api.Health.ERROR),
        }


class TestGenwThatGoesOn(MonitorSuite):
    spec = monitor.SPEC
    settings = {"sync": False}

    def world(self) -> World:
        """A first look has started it."""
        world = World(programs={sys.executable: lambda _: 0})
        assert self.play(world, "observe").returned
        return world

    def faults(self) -> Faults:
        return {"it has ended": (lambda world: world.kill("genw.genw1"), api.Health.ERROR)}
