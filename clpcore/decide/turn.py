"""One turn of the core: drafts of the state's tables, and what the turn asks for.

``step`` is a function of values; inside it a turn is drafted and thrown away. A table is copied
when it is first written, so that a turn that changes nothing costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore import messages
from clpcore.decide.agenda import Agenda
from clpcore.decide.table import Table
from clpcore.model import actions as act
from clpcore.model.config import ClusterConfig
from clpcore.model.guards import LocalFence, LocalNp, Readiness, Tenure
from clpcore.model.ids import Boot, View
from clpcore.model.kept import BootKept, Current, Intent, Kept, Maintenance, Rungs, Trouble
from clpcore.model.ownership import Evidence, Record, Version, Wanted
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
    Underway,
)
from clpcore.model.states import Phase

ANSWERS_KEPT = 64  # answers to other servers' operators, in case one is lost


class Peers(Table[str, Peer]):
    """The other servers. A record may name one that the configuration does not know (any more)."""

    def __getitem__(self, name: str) -> Peer:
        return self._now.get(name, _STRANGER)


_STRANGER = Peer()


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
        self._phase: Phase = state.phase
        self.since = state.since
        self.alone = state.alone
        self.ending = state.ending
        self.verification = state.verification
        self.freeze = state.freeze
        self.challenged_at = state.challenged_at
        self.report = state.report
        self.join = state.run.join
        self.left = state.run.left
        self.view: View = state.kept.view
        self.ends = state.kept.ends
        self.stops = state.kept.stops
        self._members: tuple[str, ...] | None = None
        self._by_seniority: tuple[str, ...] | None = None
        self._up: frozenset[str] | None = None
        self.agenda = Agenda(config, state.due, now)
        self.stir, self.sweep, self.wake = self._stir, self.agenda.sweep, self.agenda.wake
        self._tables(state)
        self.noted: set[str] = set()  # groups that have a reason to wait in this turn
        self.challenged: set[str] = set()  # servers that were asked for their records in it
        self._last = state.last_action
        self.cut_off = state.cut_off
        self.session = state.session
        self.armed = state.armed
        self.lease = state.run.lease
        self.promised_once = state.kept.promised
        self._actions: list[act.Action] = []
        self._because: list[Because] = []
        self._proposals: dict[str, dict[str, Record]] = {}
        self._gathered: dict[tuple[str, str], list[str]] = {}

    def _tables(self, state: ClusterState) -> None:
        stir = self._stir
        kept, run = state.kept, state.run
        self.peers = Peers(state.peers, self._forget_who_is_in)
        self.resources: Table[tuple[str, str], LocalResource] = Table(
            state.resources, lambda key: stir(key[0])
        )
        self.groups: Table[str, LocalGroup] = Table(state.groups, stir)
        self.monitors: Table[str, LocalMonitor] = Table(
            state.monitors, lambda name: stir(self.config.monitor_by_name[name].group)
        )
        self.claims: Table[str, Claim] = Table(state.claims, stir)
        self.running: Table[int, Underway] = Table(state.running)
        self.nominated: Table[str, Nomination] = Table(state.nominated, stir)
        self.failback: Table[str, tuple[str, ...]] = Table(state.failback, stir)
        self.operations: Table[str, Operation] = Table(state.operations)
        self.answered: Table[str, Reply] = Table(state.answered)
        self.reported: Table[str, GroupReport] = Table(state.reported)
        self.reported_monitors: Table[str, MonitorReport] = Table(state.reported_monitors)
        self.cold: Table[str, Wanted] = Table(state.cold, stir)
        self.waiting: Table[str, int] = Table(state.waiting, stir)
        self.records: Table[str, Record] = Table(kept.records, stir)
        self.rungs: Table[str, Rungs] = Table(kept.rungs)
        self.failovers: Table[str, int] = Table(kept.failovers)
        self.troubles: Table[str, Trouble] = Table(kept.troubles)
        self.maintenance: Table[str, Maintenance] = Table(
            kept.maintenance, lambda _about: self.sweep()
        )
        self.nps: Table[str, LocalNp] = Table(state.nps)
        self.fences: Table[str, LocalFence] = Table(state.fences)
        self.readiness: Table[str, Readiness] = Table(state.readiness)
        self.tenures: Table[str, Tenure] = Table(state.tenures, stir)
        self.intents: Table[str, Intent] = Table(kept.intents)
        self.boots: Table[str, int] = Table(run.boots)
        self.stopped: Table[str, Evidence] = Table(run.stopped)
        self.promised: Table[str, int] = Table(run.promised)
        self.current: Table[str, bool] = Table(
            dict.fromkeys((each.group for each in run.current), True), stir
        )
        self.suspended: Table[str, bool] = Table(
            dict.fromkeys(run.suspended, True),
            lambda name: stir(self.config.monitor_by_name[name].group),
        )

    def _stir(self, group: str) -> None:
        """Look at *group*, and at those that wait for it or keep away from it."""
        self.agenda.stir(group)
        for other in self.config.concerns.get(group, ()):
            self.agenda.stir(other)

    @property
    def phase(self) -> Phase:
        """Give where this server is in its membership."""
        return self._phase

    @phase.setter
    def phase(self, phase: Phase) -> None:
        self._phase = phase
        self._forget_who_is_in()
        self.sweep()

    # -- what the turn asks for

    def say(self, key: str, **args: object) -> Because:
        """Add a sentence to the decision; give it, for notes."""
        return self.repeat(messages.because(key, **args))

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
            reply = Reply(request.id, ok, because)
            self.send(request.origin, reply)
            self.answered.put(request.id, reply)
            for old in tuple(self.answered)[:-ANSWERS_KEPT]:
                self.answered.drop(old)

    def propose(self, to: str, record: Record) -> None:
        """Add a record to the proposals of this turn: one letter per server."""
        self._proposals.setdefault(to, {})[record.group] = record

    def repeat(self, sentence: Because) -> Because:
        """Add a sentence that was already made; give it."""
        self._because.append(sentence)
        return sentence

    def gather(self, key: str, server: str, group: str) -> None:
        """Say *key* of *server* once in this turn, with all the groups that it is true of."""
        self._gathered.setdefault((key, server), []).append(group)

    # -- questions that every room asks

    @property
    def beat_ms(self) -> int:
        """How long to wait before a letter is sent again: an interval, between 50 ms and 1 s."""
        return min(1_000, max(50, self.config.heartbeat_interval))

    def members(self) -> tuple[str, ...]:
        """Give the servers that are online and heard, me included, best priority first."""
        if self._members is None:
            self._members = tuple(
                name
                for name in self.config.server_names
                if (self.phase is Phase.ONLINE if name == self.me else self.peers[name].member)
            )
        return self._members

    @property
    def up(self) -> frozenset[str]:
        """Give the other servers that are heard."""
        if self._up is None:
            self._up = frozenset(name for name, peer in self.peers.items() if peer.up)
        return self._up

    def by_seniority(self) -> tuple[str, ...]:
        """Give the members, the longest-in first: by join number, then by priority."""
        if self._by_seniority is None:
            self._by_seniority = tuple(sorted(self.members(), key=self._seniority))
        return self._by_seniority

    def leader(self) -> str:
        """Give the longest-in member; "" without any."""
        return next(iter(self.by_seniority()), "")

    def _forget_who_is_in(self, _server: str = "") -> None:
        self._members = self._by_seniority = self._up = None

    def _seniority(self, name: str) -> tuple[int, int]:
        beat = None if name == self.me else self.peers[name].beat
        join = self.join if name == self.me else beat.join if beat else 0
        return join, self.config.place_of_server[name]

    def boot_of(self, server: str) -> Boot:
        """Give the boot of another server as last heard; number 0 when it never was."""
        incarnation = self.peers[server].incarnation
        return incarnation.boot if incarnation else Boot(0)

    def next_version(self, record: Record) -> Version:
        """Give the number of the record that follows *record*."""
        return Version(record.version.round + 1, self.me)

    # -- the end

    def decision(self) -> Decision:
        """Give the turn as values."""
        for to, records in self._proposals.items():
            self.send(to, Propose(self.boot_of(to), tuple(records.values())))
        for (key, server), groups in self._gathered.items():
            self.say(key, server=server, groups=", ".join(groups))
        wake_at = min(self.agenda.due.values(), default=None)
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
            answered=self.answered.value(),
            reported=self.reported.value(),
            reported_monitors=self.reported_monitors.value(),
            cold=self.cold.value(),
            waiting=self.waiting.value(),
            report=self.report,
            failback=self.failback.value(),
            verification=self.verification,
            freeze=self.freeze,
            ending=self.ending,
            last_action=self._last,
            challenged_at=self.challenged_at,
            nps=self.nps.value(),
            cut_off=self.cut_off,
            fences=self.fences.value(),
            readiness=self.readiness.value(),
            session=self.session,
            armed=self.armed,
            tenures=self.tenures.value(),
            due=self.agenda.due,
            wake_at=wake_at,
        )
        return Decision(
            state=state,
            actions=tuple(sorted(self._actions, key=_ends_the_agent)),
            because=tuple(self._because),
            wake_at=wake_at,
        )

    def _kept(self) -> Kept:
        was = self.was.kept
        kept = Kept(
            records=self.records.value(),
            rungs=self.rungs.value(),
            failovers=self.failovers.value(),
            ends=self.ends,
            view=self.view,
            troubles=self.troubles.value(),
            maintenance=self.maintenance.value(),
            intents=self.intents.value(),
            promised=self.promised_once,
            stops=self.stops,
        )
        same = (
            kept.records is was.records
            and kept.rungs is was.rungs
            and kept.failovers is was.failovers
            and kept.ends is was.ends
            and kept.view is was.view
            and kept.troubles is was.troubles
            and kept.maintenance is was.maintenance
            and kept.intents is was.intents
            and kept.promised is was.promised
            and kept.stops is was.stops
        )
        return was if same else kept

    def _run(self) -> BootKept:
        was = self.was.run
        kept = BootKept(
            current=self._current(was),
            boots=self.boots.value(),
            join=self.join,
            suspended=tuple(sorted(self.suspended)) if self.suspended.touched else was.suspended,
            left=self.left,
            held=self._held(),
            parked=self._parked(),
            stopped=self.stopped.value(),
            lease=self.lease,
            promised=self.promised.value(),
        )
        return was if kept == was else kept

    def _current(self, was: BootKept) -> tuple[Current, ...]:
        if not self.current.touched and not self.records.touched:
            return was.current
        return tuple(Current(group, self.records[group].version) for group in sorted(self.current))

    def _held(self) -> Mapping[str, int]:
        """Give under which acknowledged epoch each group is held."""
        was = self.was.run.held
        changed = [name for name in self.groups.touched if was.get(name, 0) != self._holds(name)]
        if not changed:
            return was
        held = {**was, **{name: self._holds(name) for name in changed}}
        return {name: held[name] for name in sorted(held) if held[name]}

    def _parked(self) -> Mapping[str, tuple[str, ...]]:
        """Give which resources of each group were stopped one by one."""
        was = self.was.run.parked
        now = {name: self.groups[name].parked for name in self.groups.touched}
        if all(was.get(name, ()) == parked for name, parked in now.items()):
            return was
        return {name: parked for name, parked in sorted({**was, **now}.items()) if parked}

    def _holds(self, group: str) -> int:
        local = self.groups[group]
        return local.epoch if local.confirmed else 0
