"""userw keeps the rules of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable

from clpcore import api
from clpcore.testing import Command, Faults, MonitorSuite, World
from clpcore_userw import pressure, userspace


def _becomes(**facts: object) -> Callable[[World], None]:
    return lambda world: world.facts.update(facts)


class TestUserw(MonitorSuite):
    spec = userspace.SPEC

    def world(self) -> World:
        """Processes and files take as long, and end, as the facts say."""
        world = World(facts={"process": (0, 0), "file": (0, 0), "said": "", "memory": 0.0})

        def ends(step: str) -> Callable[[Command], api.Completed]:
            def run(_: Command) -> api.Completed:
                took, returncode = world.facts[step]
                world.pass_time(took)
                return api.Completed(returncode, world.facts["said"])

            return run

        world.programs = {"true": ends("process"), "sh": ends("file")}
        world.library[pressure.memory] = lambda: world.facts["memory"]
        return world

    def faults(self) -> Faults:
        full = "dd: error writing '/var/log/x': No space left on device\n"
        return {
            "a slow process": (_becomes(process=(3_001, 0)), api.Health.WARNING),
            "a very slow process": (_becomes(process=(60_001, 0)), api.Health.ERROR),
            "a process that is killed": (_becomes(process=(0, -9)), api.Health.ERROR),
            "a slow file": (_becomes(file=(3_001, 0)), api.Health.WARNING),
            "a file system that cannot be written": (_becomes(file=(0, 1)), api.Health.ERROR),
            "a full one": (_becomes(file=(0, 1), said=full), api.Health.WARNING),
            "little memory": (_becomes(memory=20.0), api.Health.WARNING),
            "a slow process and no memory": (
                _becomes(process=(3_001, 0), memory=80.5),
                api.Health.ERROR,
            ),
            "no memory": (_becomes(memory=80.5), api.Health.ERROR),
        }


class TestUserwThatWritesNothing(TestUserw):
    settings = {"write_size": 0, "memory_error": 0, "memory_warning": 0}

    def faults(self) -> Faults:
        return {"a slow process": (_becomes(process=(3_001, 0)), api.Health.WARNING)}
