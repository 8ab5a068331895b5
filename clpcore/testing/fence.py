"""The suite for fence drivers."""

from __future__ import annotations

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.faults import Plan
from clpcore.testing.suite import Suite
from clpcore.testing.world import World


class FenceSuite(Suite):
    """Rules for a fence driver. In ``world()`` the victim, node2, runs and can be stopped."""

    # -- what you must give

    def is_off(self, world: World) -> bool:
        """Tell from the world, not through the driver, whether the victim is off."""
        raise NotImplementedError("say in is_off(world) whether the victim is off")

    def deaf(self, world: World) -> None:
        """Change the world: requests are accepted, and the victim runs on all the same."""
        raise NotImplementedError("say in deaf(world) how requests are accepted and not followed")

    # -- the rules

    def test_a_running_victim_is_off_afterwards(self) -> None:
        """And one that is off already stays so."""
        world = self.world()
        for when in ("fence", "the second fence"):
            ended = self.play(world, "fence")
            if ended.value is not api.Power.OFF or not self.is_off(world):
                is_off = self.is_off(world)
                self.break_rule(rules.FENCES, f"{when} {ended.how}; is_off(world) is {is_off}")

    def test_can_fence_looks_and_changes_nothing(self) -> None:
        """NORMAL in a healthy world; never a guess."""
        seen = self.look(self.world, "can_fence")
        self.check_observation(seen, "can_fence")
        if seen.health is not api.Health.NORMAL:
            said = f"can_fence in a healthy world says {seen.health.name}: {seen.sentence}"
            self.break_rule(rules.CAN_FENCE_TELLS, said)
        for _, ended, _, story in self.sweep(self.world, "can_fence"):
            if ended.returned:
                self.check_observation(ended.value, f"can_fence{story}")
        if blind := self.blind(self.world, "can_fence"):
            ended, story = blind
            if ended.returned and getattr(ended.value, "health", None) is api.Health.NORMAL:
                self.break_rule(rules.CAN_FENCE_TELLS, f"can_fence says NORMAL{story}")

    def test_an_accepted_request_is_no_proof(self) -> None:
        """The victim runs on: ON or UNKNOWN, whatever was answered to the request."""
        world = self.world()
        self.deaf(world)
        ended = self.play(world, "fence")
        if ended.value is api.Power.OFF:
            self.break_rule(rules.OFF_IS_READ, "fence says OFF of a victim that runs on (deaf)")

    def test_off_is_never_said_without_a_read_back(self) -> None:
        """Nothing can be read after the power went off: nobody knows that it did."""
        last = self._call_that_stops()
        world = self.world()
        plan = Plan(last + 1, onwards=True)
        ended = self.play(world, "fence", plan=plan)
        if ended.value is api.Power.OFF:
            story = f"after its call {last + 1}, which stops the victim, every outside call fails"
            self.break_rule(rules.OFF_IS_READ, f"fence says OFF ({story})")

    def test_it_survives_every_fault(self) -> None:
        """OFF only when it is; a fence asked again in a healthy world finishes."""
        for world, ended, _, story in self.sweep(self.world, "fence"):
            if ended.returned and not isinstance(ended.value, api.Power):
                self.break_rule(rules.RIGHT_TYPE, f"fence gave {ended.value!r:.100}, no api.Power")
            if ended.value is api.Power.OFF and not self.is_off(world):
                self.break_rule(rules.OFF_IS_READ, f"fence says OFF of a running victim{story}")
            again = self.play(world, "fence")
            if again.value is not api.Power.OFF:
                self.break_rule(rules.FENCES, f"fence after fence{story} {again.how}")

    def _call_that_stops(self) -> int:
        """Give the index of the outside call after which the victim is off in the world."""
        healthy = self.play(self.world(), "fence")
        for index in range(len(healthy.ports)):
            world = self.world()
            self.play(world, "fence", plan=Plan(index + 1, onwards=True))
            if self.is_off(world):
                break
        else:
            self.break_rule(rules.FENCES, "no outside call of fence stops the victim in world()")
        return index
