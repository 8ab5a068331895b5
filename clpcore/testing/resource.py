"""The suite for resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.suite import Suite
from clpcore.testing.world import World

Change: TypeAlias = Callable[[World], None]


class ResourceSuite(Suite):
    """Rules for a resource driver. In ``world()`` it is not active yet, and can be activated."""

    # -- what you may give

    def serves(self, world: World) -> bool | None:
        """Tell from the world, not through the driver, whether the resource is there.

        None: you do not say. Then a driver whose ``probe`` is wrong in the same way as its
        ``activate`` is believed.
        """
        return None

    def breakages(self) -> Mapping[str, Change]:
        """Give what may happen to an active resource, by a name: changes of the world."""
        return {}

    # -- worlds to begin in

    def active(self) -> World:
        """Give a world in which the driver has activated the resource."""
        world = self.world()
        ended = self.play(world, "activate")
        if not ended.returned:
            self.break_rule(rules.ACTIVATES, f"in world() activate {ended.how}")
        return world

    def _broken(self, change: Change) -> World:
        world = self.active()
        change(world)
        return world

    # -- the life of a resource

    def test_probe_tells_the_truth_and_changes_nothing(self) -> None:
        """Before it was ever activated, and when it is active."""
        self._check_probe(self.world(), api.Presence.INACTIVE, "before activate")
        self._check_probe(self.active(), api.Presence.ACTIVE, "after activate")

    def test_activate_is_asked_twice(self) -> None:
        """The second time changes nothing for the clients."""
        world = self.active()
        ended = self.play(world, "activate")
        if not ended.returned:
            self.break_rule(rules.ACTIVATES_TWICE, f"the second activate {ended.how}")
        self._expect(world, api.Presence.ACTIVE, rules.ACTIVATES_TWICE, "after the second activate")

    def test_deactivate_is_asked_twice(self) -> None:
        """Where it was never activated, and after a life."""
        self._deactivate(self.world(), rules.DEACTIVATES_TWICE, "deactivate of what never ran")
        world = self.active()
        self._deactivate(world, rules.DEACTIVATES, "deactivate")
        self._deactivate(world, rules.DEACTIVATES_TWICE, "the second deactivate")

    def test_it_goes_up_again_after_it_went_down(self) -> None:
        """What deactivate leaves behind is in nobody's way."""
        world = self.active()
        self._deactivate(world, rules.DEACTIVATES, "deactivate")
        self._activate(world, "activate after a deactivate")

    def test_it_recovers_from_whatever_happened_to_it(self) -> None:
        """From each of ``breakages()``, and when its kept processes have ended."""
        changes = {**self.breakages(), "its kept processes have ended": _without_processes}
        for name, change in changes.items():
            ended = self.play(self._broken(change), "probe", story=f" ({name})")
            if ended.returned and not isinstance(ended.value, api.Presence):
                self.break_rule(rules.RIGHT_TYPE, f"probe gave {ended.value!r:.100}")
            world = self._broken(change)
            self._deactivate(world, rules.COMES_BACK, f"deactivate ({name})")
            self._activate(self._broken(change), f"activate ({name})")

    # -- when the world fails it

    def test_activate_survives_every_fault(self) -> None:
        """Each outside call goes wrong in each way; afterwards it can be brought down, and up."""
        self.active()  # what does not even work in a healthy world has no calls to fail
        for world, ended, _, story in self.sweep(self.world, "activate"):
            if ended.returned:
                self._expect(world, api.Presence.ACTIVE, rules.ACTIVATES, f"activate{story}")
            self._deactivate(world, rules.COMES_BACK, f"deactivate after activate{story}")
        for world, _, _, story in self.sweep(self.world, "activate"):
            self._activate(world, f"activate again after activate{story}")

    def test_deactivate_survives_every_fault(self) -> None:
        """It never returns with anything left; afterwards a second one finishes."""
        for world, ended, _, story in self.sweep(self.active, "deactivate"):
            if ended.returned:
                self._expect(world, api.Presence.INACTIVE, rules.DEACTIVATES, f"deactivate{story}")
            self._deactivate(world, rules.COMES_BACK, f"deactivate after deactivate{story}")

    def test_probe_never_guesses(self) -> None:
        """A look that failed is neither "it is not there" nor "it is"."""
        for _, ended, fault, story in self.sweep(self.active, "probe"):
            if fault.honest and ended.value is api.Presence.INACTIVE:
                seen = f"probe of an active resource says INACTIVE{story}"
                self.break_rule(rules.UNKNOWN_IS_NO_NO, seen)
        for _, ended, _, story in self.sweep(self.world, "probe"):
            if ended.value is api.Presence.ACTIVE:
                seen = f"probe of an inactive resource says ACTIVE{story}"
                self.break_rule(rules.UNKNOWN_IS_NO_YES, seen)
        if blind := self.blind(self.active, "probe"):
            ended, story = blind
            if ended.value is api.Presence.ACTIVE:
                self.break_rule(rules.UNKNOWN_IS_NO_YES, f"probe says ACTIVE{story}")
            if ended.value is api.Presence.INACTIVE:
                self.break_rule(rules.UNKNOWN_IS_NO_NO, f"probe says INACTIVE{story}")

    # -- parts

    def _activate(self, world: World, what: str) -> None:
        ended = self.play(world, "activate")
        if not ended.returned:
            self.break_rule(rules.COMES_BACK, f"{what} {ended.how}")
        self._expect(world, api.Presence.ACTIVE, rules.COMES_BACK, what)

    def _deactivate(self, world: World, rule: rules.Rule, what: str) -> None:
        ended = self.play(world, "deactivate")
        if not ended.returned:
            self.break_rule(rule, f"{what} {ended.how}")
        self._expect(world, api.Presence.INACTIVE, rule, what)

    def _check_probe(self, world: World, wanted: api.Presence, when: str) -> None:
        found = self.look(lambda: world, "probe")
        if not isinstance(found, api.Presence):
            self.break_rule(rules.RIGHT_TYPE, f"probe gave {found!r:.100}, no api.Presence")
        self._expect(world, wanted, rules.PROBE_TELLS, when)

    def _expect(self, world: World, wanted: api.Presence, rule: rules.Rule, when: str) -> None:
        """Compare with what a healthy probe says, and with what the world says."""
        ended = self.play(world, "probe")
        if ended.value is not wanted:
            self.break_rule(rule, f"{when}: probe {ended.how}, not {wanted}")
        there = self.serves(world)
        if there is not None and there is not (wanted is api.Presence.ACTIVE):
            seen = f"{when}: probe says {wanted.name}, but serves(world) is {there}"
            self.break_rule(rule, seen)


def _without_processes(world: World) -> None:
    for name in tuple(world.kept):
        world.kill(name)
