"""What the lines of a segment hold; docs/decisions/0040-recording.md describes the file around."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.model.actions import Action
from clpcore.model.inputs import Input
from clpcore.model.reasons import Because

# The first bytes of a segment. Whoever changes what follows in a way that fields with defaults
# cannot carry counts on.
MAGIC: Final = b"clpcore recording "
FORMAT: Final = 1

_LONGEST_ERROR: Final = 500  # characters


@attrs.frozen(kw_only=True)
class Heading:
    """The first line; configuration and state follow, then one ``Turned`` a line.

    Attributes:
        number: of the segment on this server.
        version: of the clpcore that recorded it.
        server: whose decisions these are.
        now: of the first input.
        wall: ms since 1970 at that moment, by the clock of then.
        follows: no input is missing between the segment before and this one.

    """

    number: int
    version: str
    server: str
    now: int
    wall: int
    follows: bool

    def moment(self, now: int) -> int:
        """Give ms since 1970 of an input's *now*; a clock that was set meanwhile is not heeded."""
        return self.wall + now - self.now


@attrs.frozen(kw_only=True)
class Turned:
    """An input and what was decided on it, or what the core *raised*."""

    taken: Input
    because: tuple[Because, ...] = ()
    actions: tuple[Action, ...] = ()
    raised: str = ""

    @property
    def silent(self) -> bool:
        """Tell whether nothing came of it that anybody can notice."""
        return not (self.because or self.actions or self.raised)


def raised(error: Exception) -> str:
    """Spell what the core raised."""
    return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
