"""One turn of the core: drafts of the state's tables, and what the turn asks for.

``step`` is a function of values; inside it a turn is drafted and thrown away. A table is copied
when it is first written, so that a turn that changes nothing costs nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import attrs

from clpcore import messages
from clpcore.model import actions as act
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import View
from clpcore.model.kept import BootKept, Current, Kept, Rungs
from clpcore.model.ownership import Record, Version, Wanted
from clpcore.model.peer import GroupReport, Letter, MonitorReport, Propose, Reply
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.state import (
    Claim,
    ClusterState,
    Decision,
    LocalGroup,
    LocalMonitor,
    LocalResource,
    Nomination,
    Operation,
    Peer,
)
from clpcore.model.states import Phase

K = TypeVar("K")
V = TypeVar("V")


class Table(Generic[K, V]):
    """A mapping that is copied at its first change."""

    __slots__ = ("_draft", "_now", "touched", "writes")

    def __init__(self, base: Mapping[K, V]) -> None:
        self._now = base
        self._draft: dict[K, V] | None = None
        self.touched: set[K] = set()  # only ever asked for membership or sorted
        self.writes = 0

    def __getitem__(self, key: K) -> V:
        return self._now[key]

    def __contains__(self, key: object) -> bool:
        return key in self._now

    def __iter__(self) -> Iterator[K]:
        return iter(tuple(self._now))

    def __len__(self) -> int:
        return len(self._now)

    def get(self, key: K) -> V | None:
        """Give the value, or None."""
        return self._now.get(key)

    def items(self) -> tuple[tuple[K, V], ...]:
        """Give a stable copy of the pairs."""
        return tuple(self._now.items())

    def put(self, key: K, value: V) -> None:
        """Set, if it is a change."""
        if key in self._now and self._now[key] == value:
            return
        self._writable()[key] = value
        self.touched.add(key)

    def drop(self, key: K) -> None:
        """Remove, if it is there."""
        if key in self._now:
            del self._writable()[key]
            self.touched.add(key)

    def change(self, key: K, **changes: Any) -> V:  # noqa: ANN401 - as attrs.evolve
        """Evolve the attrs value at *key*; give the new one."""
        value = attrs.evolve(self._now[key], **changes)  # type: ignore[misc]
        self.put(key, value)
        return value

    def value(self) -> Mapping[K, V]:
        """Give the mapping as it stands; the base itself when nothing changed."""
        return self._now

    def _writable(self) -> dict[K, V]:
        self.writes += 1
        if self._draft is None:
            self._draft = dict(self._now)
            self._now = self._draft
        return self._draft


def _ends_the_agent(action: act.Action) -> bool:
    """Sort what ends the agent behind the answers and letters of the same decision."""
    return isinstance(action, act.RaiseBoot | act.Left | act.StopSelf)


class Turn:
    """The draft of one step."""

    def __init__(self, config: ClusterConfig, state: ClusterState, now: int) -> None:
        self.config = config
        self.was = state
        self.me = state.me
        self.incarnation = state.incarnation
        self.now = now
        self.phase: Phase = state.phase
        self.since = state.since
        self.alone = state.alone
        self.ending = state.ending
        self.verification = state.verification
        self.failback = state.failback
        self.challenged_at = state.challenged_at
        self.report = state.report
        self.join = state.run.join
        self.left = state.run.left
        self.view: View = state.kept.view
        self.ends = state.kept.ends
        self.peers: Table[str, Peer] = Table(state.peers)
        self.resources: Table[tuple[str, str], LocalResource] = Table(state.resources)
        self.groups: Table[str, LocalGroup] = Table(state.groups)
        self.monitors: Table[str, LocalMonitor] = Table(state.monitors)
        self.claims: Table[str, Claim] = Table(state.claims)
        self.running: Table[int, tuple[str, str]] = Table(state.running)
        self.nominated: Table[str, Nomination] = Table(state.nominated)
        self.operations: Table[str, Operation] = Table(state.operations)
        self.reported: Table[str, GroupReport] = Table(state.reported)
        self.reported_monitors: Table[str, MonitorReport] = Table(state.reported_monitors)
        self.cold: Table[str, Wanted] = Table(state.cold)
        self.records: Table[str, Record] = Table(state.kept.records)
        self.rungs: Table[str, Rungs] = Table(state.kept.rungs)
        self.failovers: Table[str, int] = Table(state.kept.failovers)
        self.boots: Table[str, int] = Table(state.run.boots)
        self.current: Table[str, bool] = Table(
            dict.fromkeys((each.group for each in state.run.current), True)
        )
        self.suspended: Table[str, bool] = Table(dict.fromkeys(state.run.suspended, True))
        self.wake_at: int | None = None
        self._last = state.last_action
        self._actions: list[act.Action] = []
        self._because: list[Because] = []
        self._proposals: dict[str, dict[str, Record]] = {}

    # -- what the turn asks for

    def say(self, key: str, **args: object) -> Because:
        """Add a sentence to the decision; give it, for notes."""
        sentence = messages.because(key, **args)
        self._because.append(sentence)
        return sentence

    def do(self, action: act.Action) -> None:
        """Add an action."""
        self._actions.append(action)

    def number(self) -> int:
        """Give the next action id."""
        self._last += 1
        return self._last

    def send(self, to: str, letter: Letter) -> None:
        """Add a letter to a server that is there; to others it would only be lost."""
        if self.peers[to].there:
            self._actions.append(act.Send(to=to, letter=letter))

    def reply(self, request: Request, *because: Because, ok: bool) -> None:
        """Tell how a request ended, to the server whose operator asked."""
        if request.origin == self.me:
            self.do(act.Answer(request=request.id, ok=ok, because=because))
        elif request.origin in self.peers:
            self.send(request.origin, Reply(request.id, ok, because))

    def propose(self, to: str, record: Record) -> None:
        """Add a record to the proposals of this turn: one letter per server."""
        self._proposals.setdefault(to, {})[record.group] = record

    def wake(self, at: int) -> None:
        """Ask for a tick at *at* at the latest."""
        if self.wake_at is None or at < self.wake_at:
            self.wake_at = at

    # -- questions that every room asks

    @property
    def beat_ms(self) -> int:
        """How long to wait before a letter is sent again: an interval, between 50 ms and 1 s."""
        return min(1_000, max(50, self.config.heartbeat_interval))

    def members(self) -> tuple[str, ...]:
        """Give the servers that are online and heard, me included, best priority first."""
        return tuple(
            name
            for name in self.config.server_names
            if (self.phase is Phase.ONLINE if name == self.me else self.peers[name].member)
        )

    @functools.cached_property
    def up(self) -> frozenset[str]:
        """Give the other servers that were heard when this was first asked in the turn."""
        return frozenset(name for name, peer in self.peers.items() if peer.up)

    def leader(self) -> str:
        """Give the longest-in member: the lowest join number, then priority. "" without any."""
        return min(self.members(), key=self._precedence, default="")

    def _precedence(self, name: str) -> tuple[int, int]:
        beat = None if name == self.me else self.peers[name].beat
        join = self.join if name == self.me else beat.join if beat else 0
        return join, self.config.server_names.index(name)

    def next_version(self, record: Record) -> Version:
        """Give the number of the record that follows *record*."""
        return Version(record.version.round + 1, self.me)

    # -- the end

    def decision(self) -> Decision:
        """Give the turn as values."""
        for to, records in self._proposals.items():
            self.send(to, Propose(tuple(records.values())))
        state = attrs.evolve(
            self.was,
            now=self.now,
            phase=self.phase,
            since=self.since,
            alone=self.alone,
            kept=self._kept(),
            run=self._run(),
            peers=self.peers.value(),
            resources=self.resources.value(),
            groups=self.groups.value(),
            monitors=self.monitors.value(),
            claims=self.claims.value(),
            running=self.running.value(),
            nominated=self.nominated.value(),
            operations=self.operations.value(),
            reported=self.reported.value(),
            reported_monitors=self.reported_monitors.value(),
            cold=self.cold.value(),
            report=self.report,
            failback=self.failback,
            verification=self.verification,
            ending=self.ending,
            last_action=self._last,
            challenged_at=self.challenged_at,
            wake_at=self.wake_at,
        )
        return Decision(
            state=state,
            actions=tuple(sorted(self._actions, key=_ends_the_agent)),
            because=tuple(self._because),
            wake_at=self.wake_at,
        )

    def _kept(self) -> Kept:
        was = self.was.kept
        kept = Kept(
            records=self.records.value(),
            rungs=self.rungs.value(),
            failovers=self.failovers.value(),
            ends=self.ends,
            view=self.view,
        )
        same = (
            kept.records is was.records
            and kept.rungs is was.rungs
            and kept.failovers is was.failovers
            and kept.ends is was.ends
            and kept.view is was.view
        )
        return was if same else kept

    def _run(self) -> BootKept:
        was = self.was.run
        suspended = tuple(sorted(self.suspended))
        kept = BootKept(
            current=self._current(was),
            boots=self.boots.value(),
            join=self.join,
            suspended=was.suspended if suspended == was.suspended else suspended,
            left=self.left,
        )
        return was if kept == was else kept

    def _current(self, was: BootKept) -> tuple[Current, ...]:
        if not self.current.touched and not self.records.touched:
            return was.current
        now = tuple(Current(group, self.records[group].version) for group in sorted(self.current))
        return was.current if now == was.current else now
