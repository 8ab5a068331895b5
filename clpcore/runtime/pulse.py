"""Beats at a steady rate, and measures how late it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import attrs

logger = logging.getLogger(__name__)

_EDGES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)  # ms
_SOONEST: Final = 0.01  # seconds between a beat out of turn and any other


@attrs.define
class Lateness:
    """How much longer than the interval the gaps between two beats were."""

    worst: float = 0.0  # ms
    total: float = 0.0  # ms
    beats: int = 0
    _counts: list[int] = attrs.field(factory=lambda: [0] * (len(_EDGES) + 1))

    def add(self, late: float) -> None:
        """Note one gap, in ms beyond the interval."""
        self.beats += 1
        self.worst = max(self.worst, late)
        self.total += late
        self._counts[sum(late > edge for edge in _EDGES)] += 1

    @property
    def document(self) -> dict[str, Any]:
        """Give it for people: how many gaps were late by at most so many ms."""
        edges = [*map(str, _EDGES), "more"]
        histogram = dict(zip(edges, self._counts, strict=True))
        return {
            "worst_ms": round(self.worst, 2),
            "total_ms": round(self.total, 2),
            "beats": self.beats,
            "up_to_ms": histogram,
        }


class Pulse:
    """Calls *act* every *interval* ms of an absolute schedule, so that lateness does not add up."""

    def __init__(self, interval: int, act: Callable[[], None], extra: Callable[[], None]) -> None:
        """Begin with ``start``; *extra* is what is called out of turn."""
        self.lateness = Lateness()
        self._interval = interval / 1_000
        self._act = act
        self._do_extra = extra
        self._loop = asyncio.get_running_loop()
        self._next = self._last = self._last_any = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._extra: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Beat now, and from now on."""
        self._next = self._last = self._loop.time()
        self._arm()
        self._call(self._act)

    def stop(self) -> None:
        """Beat no more."""
        for timer in (self._timer, self._extra):
            if timer is not None:
                timer.cancel()
        self._timer = self._extra = None

    def soon(self) -> None:
        """Beat once out of turn: there is news. The schedule stays as it is."""
        if self._timer is not None and self._extra is None:
            at = max(self._loop.time(), self._last_any + _SOONEST)
            self._extra = self._loop.call_at(at, self._out_of_turn)

    def _arm(self) -> None:
        self._next += self._interval
        now = self._loop.time()
        if self._next <= now:
            # Missed ones are not caught up: a burst of heartbeats says no more than one.
            self._next += self._interval * (1 + int((now - self._next) / self._interval))
        self._timer = self._loop.call_at(self._next, self._due)

    def _due(self) -> None:
        now = self._loop.time()
        self.lateness.add(max(0.0, (now - self._last - self._interval) * 1_000))
        self._last = now
        self._arm()
        self._call(self._act)

    def _out_of_turn(self) -> None:
        self._extra = None
        self._call(self._do_extra)

    def _call(self, act: Callable[[], None]) -> None:
        self._last_any = self._loop.time()
        try:
            act()
        except Exception:
            logger.exception("a heartbeat could not be sent; the next one is tried")
