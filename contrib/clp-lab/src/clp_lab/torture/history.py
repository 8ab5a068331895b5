"""What the client was told, held against what is in the ledger: pure, and so easy to test."""

import itertools
from collections.abc import Iterable, Sequence

import attrs

from clp_lab.torture.customer import Asked

_NS_PER_S = 1e9


@attrs.frozen
class Entry:
    """A line of the ledger: who appended what, in which of his lives."""

    word: str
    life: str

    @classmethod
    def of(cls, line: str) -> "Entry":
        word, life = line.split()
        return cls(word, life)


def violations(asked: Sequence[Asked], ledger: Sequence[Entry]) -> list[str]:
    """Give what must not be: a lost word, a word of who was replaced, words out of order."""
    return [*_lost(asked, ledger), *_of_replaced(ledger), *_out_of_order(asked, ledger)]


def _lost(asked: Iterable[Asked], ledger: Iterable[Entry]) -> list[str]:
    there = {entry.word for entry in ledger}
    return [
        f"lost: {one.word}, which {one.server} had confirmed"
        for one in asked
        if one.server and one.word not in there
    ]


def _of_replaced(ledger: Iterable[Entry]) -> list[str]:
    """Find who wrote after another one had begun: of two writers at once, one is always such."""
    found, replaced, now = [], set[str](), ""
    for number, entry in enumerate(ledger, 1):
        if entry.life == now:
            continue
        if entry.life in replaced:
            found.append(f"two writers: {entry.life} wrote line {number}, after {now} had begun")
            continue
        if now:
            replaced.add(now)
        now = entry.life
    return found


def _out_of_order(asked: Iterable[Asked], ledger: Iterable[Entry]) -> list[str]:
    """Find confirmed words that stand before one that was confirmed earlier."""
    places = {entry.word: place for place, entry in enumerate(ledger)}
    confirmed = [one for one in asked if one.server and one.word in places]
    return [
        f"out of order: {later.word} stands before {earlier.word}, confirmed before it was asked"
        for earlier, later in itertools.pairwise(confirmed)
        if places[later.word] < places[earlier.word]
    ]


@attrs.frozen(kw_only=True)
class Service:
    """How the service was for its client; times in seconds."""

    asked: int
    confirmed: int
    longest_outage: float
    outage_began: int

    @classmethod
    def of(cls, asked: Sequence[Asked], end: int) -> "Service":
        """Count; *end*: the monotonic nanosecond until which the client asked."""
        good = [one.end for one in asked if one.server]
        first = asked[0].begin if asked else end
        marks = [first, *good, end]
        longest, began = max((b - a, a) for a, b in itertools.pairwise(marks))
        return cls(
            asked=len(asked),
            confirmed=len(good),
            longest_outage=longest / _NS_PER_S,
            outage_began=began,
        )
