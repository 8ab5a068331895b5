"""exec and pidw keep the rules of the conformance kit."""

from __future__ import annotations

import attrs

from clpcore import api
from clpcore.testing import Command, Faults, MonitorSuite, ResourceSuite, World
from clpcore_exec import monitor, resource
from clpcore_exec.marker import START

SCRIPTS = "/etc/clpcore/scripts/failover1/exec1"


def machine() -> World:
    """A machine with an application that the scripts start and stop."""
    world = World(facts={"runs": False})

    def start(_: Command) -> int:
        world.facts["runs"] = True
        return 0

    def stop(_: Command) -> int:
        world.facts["runs"] = False
        return 0

    world.programs = {f"{SCRIPTS}/start.sh": start, f"{SCRIPTS}/stop.sh": stop}
    return world


class TestExec(ResourceSuite):
    """Scripts that end: the application is their business."""

    spec = resource.SPEC

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        return bool(world.facts["runs"])


class TestExecThatRunsOn(ResourceSuite):
    """A start script that is the application."""

    spec = resource.SPEC
    settings = {"start_sync": False}

    def world(self) -> World:
        return machine()

    def serves(self, world: World) -> bool:
        return START in world.kept


class TestPidw(MonitorSuite):
    spec = monitor.SPEC

    def call(self) -> api.Call:
        return attrs.evolve(super().call(), resource="exec1")

    def world(self) -> World:
        return TestExecThatRunsOn().active()

    def faults(self) -> Faults:
        def never_started(world: World) -> None:
            world.files.clear()

        return {
            "the process has ended": (lambda world: world.kill(START), api.Health.ERROR),
            "it was not started": (never_started, api.Health.ERROR),
        }
