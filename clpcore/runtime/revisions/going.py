"""When this agent starts again with what it has committed.

As a rule at once. Where the change makes heartbeats pause, all go together: whoever went alone
would be silent for the others, and whoever stayed behind would never hear again how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from clpcore.model.revisions import Again
from clpcore.runtime.revisions.around import Around, Here
from clpcore.runtime.revisions.asking import silent
from clpcore.runtime.revisions.holding import Hold

_LOOK_EVERY: Final = 0.2  # seconds


class Going:
    """Starts this agent again."""

    def __init__(self, here: Here, around: Around, again: Callable[[], None]) -> None:
        self._here = here
        self._around = around
        self._again = again
        self._said: set[tuple[str, str]] = set()

    def at_once(self) -> None:
        """Go now."""
        self._again()

    def take(self, sender: str, word: Again) -> None:
        """Hear from a coordinator that everybody has it."""
        self._said.add((sender, word.apply))

    async def with_others(self, hold: Hold) -> None:
        """Go when the coordinator of a change says so, or falls silent: it is gone, or went."""
        if hold.checked is not None and hold.checked.pauses:
            while (hold.server, hold.apply) not in self._said:
                if silent(self._around.status(), hold.server, self._here.lately):
                    break
                await asyncio.sleep(_LOOK_EVERY)
        self._again()
