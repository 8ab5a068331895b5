"""The suite for monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.suite import Start, Suite
from clpcore.testing.world import World

Faults: TypeAlias = Mapping[str, tuple[Callable[[World], None], api.Health]]


class MonitorSuite(Suite):
    """Rules for a monitor driver. In ``world()`` its target is active and all is well."""

    # -- what you may give

    def faults(self) -> Faults:
        """Give what may be wrong where the target is active: change of the world, and health."""
        return {}

    def standby_world(self) -> World:
        """Give a machine on which the target is not active; for monitors that watch there, too."""
        return World()

    def standby_faults(self) -> Faults:
        """Give what may be wrong where the target must not be."""
        return {}

    def call(self) -> api.Call:
        """Give why and where the driver is called; the target is a resource ``target1``."""
        return attrs.evolve(super().call(), monitor=f"{self.spec.name}1", resource="target1")

    # -- the rules

    def test_it_says_normal_where_all_is_well(self) -> None:
        """On each side that it watches; it changes nothing, and says one sentence."""
        for role, start, _ in self._sides():
            seen = self.look(start, "observe", role)
            self.check_observation(seen, f"observe ({role.name})")
            if seen.health is not api.Health.NORMAL:
                said = f"observe ({role.name}) in a healthy world says {_said(seen)}"
                self.break_rule(rules.NORMAL_WHEN_NORMAL, said)

    def test_it_sees_each_fault(self) -> None:
        """What its author lists in ``faults()`` and ``standby_faults()``."""
        for role, start, faults in self._sides():
            for name, (change, health) in faults.items():
                ended = self.play(_changed(start, change)(), "observe", role=role)
                if isinstance(ended.error, api.DriverError) and health is api.Health.UNKNOWN:
                    continue
                if not ended.returned:
                    self.break_rule(rules.SEES_THE_FAULT, f"observe ({name}) {ended.how}")
                self.check_observation(ended.value, f"observe ({name})")
                seen: Any = ended.value
                if seen.health is not health:
                    said = f"observe ({name}) says {_said(seen)}, not {health.name}"
                    self.break_rule(rules.SEES_THE_FAULT, said)

    def test_it_survives_every_fault_of_its_own_look(self) -> None:
        """Each outside call goes wrong in each way; what it says then is still a sentence."""
        for role, start, _ in self._sides():
            self.look(start, "observe", role)
            for _, ended, _, story in self.sweep(start, "observe", role=role):
                if ended.returned:
                    self.check_observation(ended.value, f"observe{story}")

    def test_normal_is_no_guess(self) -> None:
        """A look that failed is not NORMAL: not where all fails, and not where all is bad."""
        for role, start, faults in self._sides():
            blind = self.blind(start, "observe", role=role)
            if blind and _is_normal(blind[0].value):
                self.break_rule(rules.NORMAL_IS_NO_GUESS, f"observe says NORMAL{blind[1]}")
            for name, (change, _) in faults.items():
                for _, ended, fault, story in self.sweep(
                    _changed(start, change), "observe", role=role
                ):
                    if fault.honest and _is_normal(ended.value):
                        seen = f"observe ({name}) says NORMAL{story}"
                        self.break_rule(rules.NORMAL_IS_NO_GUESS, seen)

    def test_what_it_keeps_ends_with_its_looks(self) -> None:
        """For a monitor of capability KEEPS; also after a look in which anything went wrong."""
        if api.Capability.KEEPS not in self.spec.capabilities:
            return
        for start, story in ((World, ""), (self.world, " after a look")):
            self._check_rest(start(), story)
        for world, _, _, story in self.sweep(self.world, "observe"):
            self._check_rest(world, story)
        for world, _, _, story in self.sweep(self.world, "rest"):
            self._check_rest(world, story)

    def _check_rest(self, world: World, story: str) -> None:
        for again in ("", " called again"):
            ended = self.play(world, "rest")
            if not ended.returned or world.kept:
                seen = f"rest{again}{story} {ended.how}; it keeps {sorted(world.kept) or 'nothing'}"
                self.break_rule(rules.RESTS, seen)

    # -- parts

    def _sides(self) -> Iterator[tuple[api.Role, Start, Faults]]:
        yield api.Role.ACTIVE, self.world, self.faults()
        if api.Capability.WATCHES_STANDBY in self.spec.capabilities:
            yield api.Role.STANDBY, self.standby_world, self.standby_faults()


def _changed(start: Start, change: Callable[[World], None]) -> Start:
    def changed() -> World:
        world = start()
        change(world)
        return world

    return changed


def _said(seen: api.Observation) -> str:
    return f"{seen.health.name}: {seen.sentence}"


def _is_normal(seen: object) -> bool:
    return isinstance(seen, api.Observation) and seen.health is api.Health.NORMAL
