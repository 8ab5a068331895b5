"""What this agent has counted and timed since its start: of its journal, its store, its drivers."""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.config import ClusterConfig
from clpcore.model.states import Event
from clpcore.runtime.metrics import families as of
from clpcore.runtime.metrics.families import Family
from clpcore.runtime.store.database import Line
from clpcore.runtime.store.wanted import SENTENCE

logger = logging.getLogger(__name__)

Labels = tuple[str, ...]
Place = tuple[Family, Labels]

# Sentences that are counted by the names in them.
_COUNTED: Final[Mapping[str, Family]] = {
    "rc32": of.ACTIVATION_FAILURES,
    "rc42": of.DEACTIVATION_FAILURES,
    "rc50": of.MOVES,
    "rc60": of.FAILOVERS,
    "rm9": of.MONITOR_ERRORS,
    "rm13": of.REACTIVATIONS,
}
_TIMED: Final = frozenset({"nm2", "rm9", "rc60", "rc10", "rc11", "rc20", "rc21", "rc30", "rc40"})
_OVER: Final = {"nm1": "silent", "nm11": "silent", "nm13": "silent", "rm26": "error"}
_EDGES: Final[Mapping[Family, tuple[float, ...]]] = {  # seconds
    of.PHASE: (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 90, 120, 300, 600, 1_800),
    of.CALL: (0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800),
    of.COMMIT: (0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
}


@attrs.define
class Spread:
    """A histogram: how many values were up to each edge and above the one before."""

    edges: tuple[float, ...]
    counts: list[int] = attrs.field(init=False)
    total: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.edges) + 1)

    def add(self, value: float) -> None:
        """Take a value in."""
        self.counts[sum(value > edge for edge in self.edges)] += 1
        self.total += value

    def copy(self) -> Spread:
        """Give one that does not change any more."""
        made = Spread(self.edges, self.total)
        made.counts = [*self.counts]
        return made


@attrs.define
class Tally:
    """Counters and histograms; the loop's alone, ``taken`` gives another thread its copy."""

    counts: collections.Counter[Place] = attrs.field(factory=collections.Counter)
    spreads: dict[Place, Spread] = attrs.field(factory=dict)
    _begun: dict[tuple[str, str], int] = attrs.field(factory=dict)  # what, of which -> now_ms
    _failing_over: set[str] = attrs.field(factory=set)  # groups whose resources say so here

    def taken(self) -> Tally:
        """Give a copy as it is now."""
        spreads = {place: spread.copy() for place, spread in self.spreads.items()}
        return Tally(collections.Counter(self.counts), spreads)

    def took(self) -> dict[str, int]:
        """Give how many ms calls took on the average, by "type/call"; at least 1."""
        return {
            "/".join(labels): max(1, round(1_000 * spread.total / sum(spread.counts)))
            for (family, labels), spread in self.spreads.items()
            if family is of.CALL
        }

    def lines(self, lines: Iterable[Line]) -> None:
        """Count lines of the journal as they are written."""
        for line in lines:
            self.counts[of.LINES, (line.kind,)] += 1
            if line.kind != SENTENCE:
                continue
            try:
                self._sentence(line)
            except Exception:  # whoever writes a decision down must not fail for a figure
                logger.exception("%s could not be counted", line.key)

    def time_commit(self, durable: asyncio.Future[None]) -> None:
        """Time from now until the future is done."""
        begun = time.monotonic()
        durable.add_done_callback(lambda _: self._time(of.COMMIT, (), time.monotonic() - begun))

    def call(self, type_: str, call: str, verdict: str, seconds: float) -> None:
        """Count one call of a driver."""
        self.counts[of.CALLS, (type_, call, verdict)] += 1
        self._time(of.CALL, (type_, call), seconds)

    def _time(self, family: Family, labels: Labels, seconds: float) -> None:
        place = family, labels
        if place not in self.spreads:
            self.spreads[place] = Spread(_EDGES[family])
        self.spreads[place].add(seconds)

    def _sentence(self, line: Line) -> None:
        entry = messages.entries().get(line.key)
        if entry is None:
            return
        self.counts[of.MESSAGES, (entry.module, entry.severity.value)] += 1
        if line.key not in _COUNTED and line.key not in _TIMED and line.key not in _OVER:
            return
        args = json.loads(line.body)
        if family := _COUNTED.get(line.key):
            self.counts[family, tuple(str(args[label]) for label in family.labels)] += 1
        if line.key in _OVER:
            self._begun.pop((_OVER[line.key], str(args["server"])), None)
        elif line.key in _TIMED:
            self._phase(line.key, args, line.now_ms)

    # -- the phases of a failover, from the sentences that begin and end them

    def _phase(self, key: str, args: Mapping[str, Any], now: int) -> None:
        group = str(args.get("group", ""))
        match key:
            case "nm2":
                self._time(of.PHASE, ("detected",), int(args["ms"]) / 1_000)
                self._begun["silent", str(args["server"])] = now
            case "rm9":
                self._begun["error", str(args["server"])] = now
            case "rc60":
                self._decided(group, str(args["previous"]), now)
            case "rc30" | "rc40" if args["event"] == Event.FAILOVER.value:
                self._failing_over.add(group)
            case "rc20":
                self._begun["deactivating", group] = now
            case "rc21":
                self._end("deactivating", group, "deactivated", now)
                self._failing_over.discard(group)
            case "rc10":
                self._begun["activating", group] = now
            case "rc11":
                self._end("activating", group, "activated", now)
                self._end("failing over", group, "total", now)
                self._failing_over.discard(group)

    def _decided(self, group: str, previous: str, now: int) -> None:
        """Time a failover's decision from the newest reason that *previous* has given for one."""
        reasons = [self._begun.get((what, previous)) for what in ("silent", "error")]
        since = max((at for at in reasons if at is not None), default=None)
        if since is not None:
            self._time(of.PHASE, ("decided",), (now - since) / 1_000)
            self._begun["failing over", group] = since

    def _end(self, what: str, of_: str, phase: str, now: int) -> None:
        begun = self._begun.pop((what, of_), None)
        if begun is not None and of_ in self._failing_over:
            self._time(of.PHASE, (phase,), (now - begun) / 1_000)


def zeros(config: ClusterConfig) -> Iterable[Place]:
    """Give the counters that begin at 0: what never happened has a rate, too."""
    for group in config.groups:
        yield of.FAILOVERS, (group.name,)
        yield of.MOVES, (group.name,)
        for resource in group.resources:
            yield of.ACTIVATION_FAILURES, (group.name, resource.name)
            yield of.DEACTIVATION_FAILURES, (group.name, resource.name)
    for monitor in config.monitors:
        yield of.MONITOR_ERRORS, (monitor.name,)
        yield of.REACTIVATIONS, (monitor.name,)
