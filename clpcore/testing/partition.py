"""The suite for partition drivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.suite import Suite
from clpcore.testing.world import World


class PartitionSuite(Suite):
    """Rules for a partition driver. In ``world()`` its target answers."""

    def faults(self) -> Mapping[str, tuple[Callable[[World], None], api.Answer]]:
        """Give what may be wrong, by a name: a change of the world, and the answer then.

        List the silent target at least. ``UNKNOWN`` is met by a ``DriverError``, too.
        """
        return {}

    def test_it_is_answered_where_the_target_is_reached(self) -> None:
        """And the question changes nothing."""
        found = self.look(self.world, "ask")
        self._check_type(found, "")
        if found is not api.Answer.ANSWERED:
            self.break_rule(rules.ANSWERED_WHEN_REACHED, f"ask in a healthy world gave {found}")

    def test_it_gives_the_answer_that_is_listed(self) -> None:
        """What its author lists in ``faults()``."""
        for name, (change, wanted) in self.faults().items():
            world = self.world()
            change(world)
            ended = self.play(world, "ask", story=f" ({name})")
            found = api.Answer.UNKNOWN if not ended.returned else ended.value
            if found is not wanted:
                seen = f"ask ({name}) {ended.how}, not {wanted}"
                self.break_rule(rules.ANSWERED_WHEN_REACHED, seen)

    def test_an_unknown_is_never_a_no(self) -> None:
        """A question that could not be asked is neither silence nor an answer."""
        for _, ended, fault, story in self.sweep(self.world, "ask"):
            if ended.returned:
                self._check_type(ended.value, story)
            if fault.unasked and ended.value is api.Answer.SILENT:
                self.break_rule(rules.SILENCE_WAS_HEARD, f"ask says SILENT{story}")
        if blind := self.blind(self.world, "ask"):
            ended, story = blind
            if ended.value is api.Answer.ANSWERED:
                self.break_rule(rules.ANSWERED_WHEN_REACHED, f"ask says ANSWERED{story}")

    def _check_type(self, found: object, story: str) -> None:
        if not isinstance(found, api.Answer):
            self.break_rule(rules.RIGHT_TYPE, f"ask gave {found!r:.100}, no api.Answer{story}")
