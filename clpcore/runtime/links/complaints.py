"""Counts what was dropped, by reason; a flood of it makes a log line now and then, not a flood."""

from __future__ import annotations

import collections
import logging
from collections.abc import Mapping
from typing import Final

import attrs

from clpcore.runtime import clock

logger = logging.getLogger(__name__)

_QUIET: Final = 10_000  # ms between two lines of the same reason


@attrs.define
class Complaints:
    """What this agent dropped since its start."""

    _counts: collections.Counter[str] = attrs.field(factory=collections.Counter)
    _logged: dict[str, tuple[int, int]] = attrs.field(factory=dict)  # reason -> when, at count

    @property
    def counts(self) -> Mapping[str, int]:
        """Give how often, by reason."""
        return dict(sorted(self._counts.items()))

    def add(self, reason: str, detail: str) -> None:
        """Count one, and log it unless the same reason was logged within 10 s."""
        self._counts[reason] += 1
        count, now = self._counts[reason], clock.now()
        at, before = self._logged.get(reason, (-_QUIET, 0))
        if now - at >= _QUIET:
            self._logged[reason] = (now, count)
            logger.warning(
                "dropped (%s, %d since the last line): %s", reason, count - before, detail
            )
