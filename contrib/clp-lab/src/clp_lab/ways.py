"""What one direction between two places does to the frames on it."""

import random
from collections.abc import Iterator
from typing import Self

import attrs

from clp_lab.channel import Message

_REORDER_HOLD_NS = 5_000_000


@attrs.frozen(kw_only=True)
class Way:
    """Faults from one place to another; the values of a new one are those of a good wire.

    Attributes:
        cut: nothing arrives.
        delay_ns: every frame arrives so much later.
        jitter_ns: up to so much is added to the delay, evenly spread; frames keep their order.
        loss: share of frames that vanish, 0..1.
        duplicate: share of frames that arrive twice.
        reorder: share of frames that are held for 5 ms, so that later ones overtake them.
    """

    cut: bool = False
    delay_ns: int = 0
    jitter_ns: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(**message)

    def arrivals(self, now: int, previous: int, dice: random.Random) -> Iterator[tuple[int, bool]]:
        """Give when a frame sent at `now` arrives, once per copy, and whether it was held back.

        `previous` is the arrival of the last frame that was not held back; jitter alone never
        overtakes it, as packets of one flow do not overtake each other on a real way.
        """
        if self.cut or (self.loss and dice.random() < self.loss):
            return
        jitter = dice.randrange(self.jitter_ns + 1) if self.jitter_ns else 0
        at = max(now + self.delay_ns + jitter, previous)
        held = bool(self.reorder) and dice.random() < self.reorder
        at += _REORDER_HOLD_NS if held else 0
        yield at, held
        if self.duplicate and dice.random() < self.duplicate:
            yield at, held


GOOD = Way()
