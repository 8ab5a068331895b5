"""Every world that can come of a few events, checked one by one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NoReturn

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.simulate.exhaustive.calm import Stuck, recover
from clpcore.simulate.exhaustive.checks import Violated
from clpcore.simulate.exhaustive.keys import spelled
from clpcore.simulate.exhaustive.moves import NEXT, TIME, Move, events
from clpcore.simulate.exhaustive.playing import play
from clpcore.simulate.exhaustive.world import World


@attrs.frozen
class Finding:
    """A broken rule, and the shortest way to it: where it began, and what happened then."""

    rule: str
    start: str
    moves: tuple[Move, ...]


@attrs.define
class Explored:
    """What was found out.

    Attributes:
        states: different worlds.
        moves: how often one came of another, known or not.
        whole: up to so many events, every world was seen; -1: not even without any.
        deepest: the number of events in the last ones.
        recovered: from how many of them the calm was tried.
        seconds: how long it took.
        finding: the first broken rule.

    """

    states: int = 0
    moves: int = 0
    whole: int = -1
    deepest: int = 0
    recovered: int = 0
    seconds: float = 0.0
    finding: Finding | None = None


@attrs.frozen
class Bounds:
    """When to end: after so many events, states, seconds.

    *every*: from each such state on it is tried whether the cluster recovers; 0: from none.
    """

    events: int = 2
    states: int = 1_000_000
    seconds: float = 1e9
    every: int = 7


@attrs.frozen
class _Found:
    """A world with its number, and how many moves lie between it and the last event."""

    world: World
    at: int
    length: int


class _Over(Exception):
    """A bound is reached."""


class Explorer:
    """Goes through worlds, those with fewer events first."""

    def __init__(self, config: ClusterConfig, bounds: Bounds) -> None:
        self.explored = Explored()
        self._config = config
        self._bounds = bounds
        self._seen: set[int] = set()
        self._healthy: set[int] = set()
        self._came: list[tuple[int, Move | str]] = []
        self._until = time.monotonic() + bounds.seconds

    def run(self, starts: Sequence[tuple[str, World]]) -> Explored:
        """Explore from *starts*, each with a word for it, until a rule is broken."""
        begun = time.monotonic()
        with contextlib.suppress(_Over):
            self._levels(starts)
        self.explored.seconds = time.monotonic() - begun
        self.explored.states = len(self._came)
        return self.explored

    def _levels(self, starts: Sequence[tuple[str, World]]) -> None:
        level = self._follow((self._enter(world, -1, name) for name, world in starts), keep=True)
        self.explored.whole = 0
        for number in range(1, self._bounds.events + 1):
            self.explored.deepest = number
            last = number == self._bounds.events
            short_first = sorted(level, key=lambda each: each.length)
            begun = (self._try(each, move) for each, move in self._happen(short_first))
            level, self.explored.whole = self._follow(begun, keep=not last), number

    def _happen(self, level: Sequence[_Found]) -> Iterator[tuple[_Found, Move]]:
        for each in level:
            for move in events(self._config, each.world):
                yield attrs.evolve(each, length=-1), move

    def _follow(self, begins: Iterable[_Found | None], *, keep: bool) -> list[_Found]:
        """Let all go on by itself until there is nothing new; give all that was found."""
        found: list[_Found] = []
        for begin in begins:
            each = begin
            while each is not None:
                if keep:
                    found.append(each)
                each = self._try(each, TIME if each.world.head() is None else NEXT)
        return found

    def _try(self, each: _Found, move: Move) -> _Found | None:
        self.explored.moves += 1
        try:
            after = play(self._config, each.world, move).world()
        except (Violated, RuntimeError, LookupError) as broken:
            self._report(f"{type(broken).__name__}: {broken}", each.at, move)
        return self._enter(after, each.at, move, each.length + 1)

    def _enter(self, world: World, at: int, move: Move | str, length: int = 0) -> _Found | None:
        key, world = spelled(world)
        if key in self._seen:
            return None
        self._seen.add(key)
        self._came.append((at, move))
        number, bounds = len(self._came) - 1, self._bounds
        if number >= bounds.states or (number % 64 == 0 and time.monotonic() > self._until):
            raise _Over
        if bounds.every and number % bounds.every == 0:
            self._recover(world, number)
        return _Found(world, number, length)

    def _recover(self, world: World, at: int) -> None:
        self.explored.recovered += 1
        try:
            recover(self._config, world, self._healthy)
        except (Stuck, Violated, RuntimeError, LookupError) as broken:
            self._report(f"{type(broken).__name__}: {broken}", at, None)

    def _report(self, rule: str, at: int, last: Move | None) -> NoReturn:
        way: list[Move] = [] if last is None else [last]
        start = ""
        while at >= 0:
            at, move = self._came[at]
            if isinstance(move, str):
                start = move
            else:
                way.append(move)
        self.explored.finding = Finding(rule, start, tuple(reversed(way)))
        raise _Over
