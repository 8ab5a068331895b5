"""An event loop whose time moves by itself: a wait of an hour takes no time, and all of it."""

from __future__ import annotations

import asyncio
import math
import selectors
from typing import Protocol


class Clock(Protocol):
    """Whatever has a time in milliseconds that may be moved on."""

    clock: int


class Loop(asyncio.SelectorEventLoop):
    """Jumps to the next timer instead of waiting for it; ``asyncio.sleep`` and ``timeout`` too."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Impatient(clock))
        self._world = clock

    def time(self) -> float:
        """Give the world's time in seconds."""
        return self._world.clock / 1_000


class _Impatient(selectors.SelectSelector):
    """Moves the clock by what it was asked to wait."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer at all: a thread of the driver is waited for
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self._clock.clock += math.ceil(round(timeout * 1_000, 3))
        return ready
