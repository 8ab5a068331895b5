"""What happens to a packet on its way: delay, loss, repetition, one-way cuts."""

from __future__ import annotations

import random

import attrs


@attrs.define(eq=False)
class Network:
    """All paths of the cluster.

    Times are milliseconds, chances are between 0 and 1. *late* is the chance that a letter is held
    up for as long as *late_ms*: a broken session is made anew, and what was in it still arrives.
    """

    dice: random.Random
    delay: int = 1
    jitter: int = 0
    loss: float = 0.0
    repeat: float = 0.0
    late: float = 0.0
    late_ms: int = 0
    cuts: set[tuple[str, str]] = attrs.field(factory=set)
    slow: dict[tuple[str, str], int] = attrs.field(factory=dict)

    def copies(self, sender: str, receiver: str, *, letter: bool) -> tuple[int, ...]:
        """Give the travel time of every copy that arrives of one packet sent now."""
        if (sender, receiver) in self.cuts or self.dice.random() < self.loss:
            return ()
        number = 2 if self.dice.random() < self.repeat else 1
        return tuple(self._travel(sender, receiver, letter=letter) for _ in range(number))

    def _travel(self, sender: str, receiver: str, *, letter: bool) -> int:
        time = self.slow.get((sender, receiver), self.delay) + self.dice.randint(0, self.jitter)
        if letter and self.dice.random() < self.late:
            time += self.dice.randint(0, self.late_ms)
        return time

    def heal(self) -> None:
        """End every fault; delays stay."""
        self.cuts.clear()
        self.loss = self.repeat = self.late = 0.0
