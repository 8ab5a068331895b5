"""Where a group goes: the leader nominates, with a reason for every choice and refusal."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import evidence, holding
from clpcore.decide.turn import Turn
from clpcore.model.config import Group
from clpcore.model.ownership import Record, Wanted
from clpcore.model.peer import GroupReport, Nominate, StopGroup
from clpcore.model.reasons import Because
from clpcore.model.state import Goal, Nomination
from clpcore.model.states import Automatic, Event, Phase, Shown

PATIENCE_MS = 2_000  # how long a nominated server may take to claim before it is asked again

# -- candidates


def choose(
    turn: Turn, group: str, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> tuple[str, Because]:
    """Give the best server for *group* and why; "" and why nobody, when there is none."""
    refusals: list[Because] = []
    for name in turn.config.homes[group]:
        if name in without or (only and name not in only):
            continue
        refusal = refusal_of(turn, group, name)
        if refusal is None:
            return name, _why(name, refusals)
        refusals.append(refusal)
    if not refusals:
        return "", messages.because("rc567", group=group)
    return "", messages.because("rc565", refusals=_together(refusals))


def _why(name: str, refusals: list[Because]) -> Because:
    if refusals:
        return messages.because("rc561", server=name, refusals=_together(refusals))
    return messages.because("rc560", server=name)


def _together(sentences: list[Because]) -> Because:
    """Give several sentences as one."""
    *others, last = sentences
    for sentence in reversed(others):
        last = messages.because("rc566", first=sentence, rest=last)
    return last


def refusal_of(turn: Turn, group: str, name: str) -> Because | None:
    """Tell why *name* cannot take *group* now, from its own report; None: it can."""
    if name == turn.me:
        return evidence.obstacle_here(turn, group) or refused_by_monitor(turn, group)
    peer = turn.peers[name]
    if not peer.member:
        return messages.because("rc546", server=name)
    report = peer.groups.get(group)
    if report is None:
        return messages.because("rc547", server=name)
    return report.refuses


def refused_by_monitor(turn: Turn, group: str) -> Because | None:
    """Tell which monitor warns of this server as a home of *group* (design 4.4)."""
    for monitor in turn.config.monitors:
        if monitor.group == group and not evidence.holds(turn, group):
            local = turn.monitors[monitor.name]
            if local.state is Shown.CAUTION and local.errors > 0:
                return messages.because(
                    "rc548", server=turn.me, monitor=monitor.name, reason=local.detail
                )
    return None


# -- consequences


def settle(turn: Turn) -> None:
    """Give every group without a living owner a home, as the leader."""
    if turn.phase is not Phase.ONLINE or turn.leader() != turn.me:
        return
    for group in turn.config.groups:
        record = turn.records[group.name]
        if record.owner and lives(turn, record):
            turn.nominated.drop(group.name)
            _fail_back(turn, group, record)
        elif _wanted(turn, record) is Wanted.AUTO:
            _find_home(turn, group, record)


def _wanted(turn: Turn, record: Record) -> Wanted:
    return turn.cold.get(record.group) or record.wanted


def lives(turn: Turn, record: Record) -> bool:
    """Tell whether the recorded owner is heard in the boot that owns."""
    if record.owner == turn.me:
        return record.boot == turn.incarnation.boot
    peer = turn.peers.get(record.owner)
    heard = peer is not None and peer.up and peer.incarnation is not None
    return bool(heard and peer and peer.incarnation and peer.incarnation.boot == record.boot)


def _find_home(turn: Turn, group: Group, record: Record) -> None:
    """Nominate the best server, or note what is waited for."""
    event, previous = _event(turn, record)
    only = _only(turn, group, record)
    if only is None:
        holding.note(
            turn, group.name, messages.because("rc562", group=group.name, server=record.owner)
        )
        return
    blocked = _blocked(turn, record) or _better_one_is_coming(turn, group, event)
    if blocked is not None:
        holding.note(turn, group.name, blocked)
        return
    standing = turn.nominated.get(group.name)
    if standing is not None and _still_good(turn, group.name, standing, record):
        turn.wake(standing.at + PATIENCE_MS)
        return
    if record.heir and standing is None and _can(turn, group.name, record.heir):
        # The releasing owner chose; the heir claims by itself. Only if it does not, choose anew.
        _remember(turn, group.name, record.heir, record.epoch)
        return
    server, why = choose(turn, group.name, without=record.avoid, only=only)
    if not server and record.avoid:
        server, why = choose(turn, group.name, only=only)
    if not server:
        holding.note(turn, group.name, why)
        return
    _nominate(turn, group.name, server, why, event, previous)


def _event(turn: Turn, record: Record) -> tuple[Event, str]:
    if record.owner:
        return (Event.START if record.group in turn.cold else Event.FAILOVER), record.owner
    return Event(record.event or Event.START.value), record.previous


def _only(turn: Turn, group: Group, record: Record) -> tuple[str, ...] | None:
    """Give which servers come into question: () is all; None: an operator must say."""
    if group.failover is Automatic.AUTO or not record.owner or group.name in turn.cold:
        return ()
    came_back = record.owner == turn.me or turn.peers[record.owner].member
    return (record.owner,) if came_back else None


def _blocked(turn: Turn, record: Record) -> Because | None:
    """Name the former owner that is not proven stopped."""
    if not record.owner or evidence.proof_about(turn, record.owner, record.boot) is not None:
        return None
    return messages.because("rc530", group=record.group, server=record.owner)


def _better_one_is_coming(turn: Turn, group: Group, event: Event) -> Because | None:
    """At a start, wait for a better server that is heard and not yet ready to say yes.

    One that is starting may take the whole start-up wait; one that is online needs a moment to
    become current and to report.
    """
    if event is not Event.START:
        return None
    for name in turn.config.homes[group.name]:
        refusal = refusal_of(turn, group.name, name)
        if refusal is None:
            return None
        until = turn.since + _readiness(turn, group.name, name)
        if turn.now < until:
            turn.wake(until)
            mine = name == turn.me
            return refusal if mine else messages.because("rc563", group=group.name, server=name)
    return None


def _readiness(turn: Turn, group: str, name: str) -> int:
    """Give how long to wait for *name* at a start, in ms; 0: its no is a no."""
    if name == turn.me:
        return 0 if evidence.current(turn, group) else PATIENCE_MS
    peer = turn.peers[name]
    if peer.up and peer.phase is Phase.STARTING:
        return turn.config.startup_wait
    report = peer.groups.get(group)
    ready = report is not None and report.current and not _from_before_it_joined(report)
    return PATIENCE_MS if peer.member and not ready else 0


def _from_before_it_joined(report: GroupReport) -> bool:
    """Tell whether a heartbeat said "online" before the report could."""
    return report.refuses is not None and report.refuses.key == "rc540"


def _still_good(turn: Turn, group: str, standing: Nomination, record: Record) -> bool:
    young = turn.now < standing.at + PATIENCE_MS
    return young and standing.epoch == record.epoch and _can(turn, group, standing.server)


def _can(turn: Turn, group: str, server: str) -> bool:
    return refusal_of(turn, group, server) is None


def _remember(turn: Turn, group: str, server: str, epoch: int) -> None:
    turn.nominated.put(group, Nomination(server=server, epoch=epoch, at=turn.now))
    turn.wake(turn.now + PATIENCE_MS)


def _nominate(
    turn: Turn, group: str, server: str, why: Because, event: Event, previous: str
) -> None:
    epoch = turn.records[group].epoch
    standing = turn.nominated.get(group)
    if standing is None or standing.server != server or standing.epoch != epoch:
        turn.say("rc64", server=server, group=group, reason=why)
        if event is Event.FAILOVER:
            turn.say("rc60", group=group, server=server, previous=previous)
    _remember(turn, group, server, epoch)
    if server == turn.me:
        holding.claim(turn, group, event, previous)
    else:
        turn.send(server, Nominate(group, epoch, event, previous))


def nominate(turn: Turn, group: str, server: str, event: Event) -> None:
    """Nominate the server that an operator named, or that was chosen for an operator."""
    why = messages.because("rc564", server=server)
    _nominate(turn, group, server, why, event, turn.records[group].previous)


# -- failback


def _fail_back(turn: Turn, group: Group, record: Record) -> None:
    """Move a group to a better server that came online, once."""
    order = turn.config.homes[group.name]
    for pair in turn.failback:
        name, better = pair
        if name != group.name or record.owner not in order:
            continue
        if order.index(better) >= order.index(record.owner):
            turn.failback = tuple(p for p in turn.failback if p != pair)
        elif _can(turn, name, better) and _online(turn, name, record.owner):
            turn.failback = tuple(p for p in turn.failback if p != pair)
            turn.say("rc74", group=name, server=better)
            order_stop(turn, name, Event.MOVE, heir=better)
            return


def _online(turn: Turn, group: str, owner: str) -> bool:
    if owner == turn.me:
        local = turn.groups[group]
        return local.goal is Goal.UP and local.confirmed
    report = turn.peers[owner].groups.get(group)
    return report is not None and report.state is Shown.ONLINE


def order_stop(
    turn: Turn, group: str, event: Event, *, heir: str = "", stay_stopped: bool = False
) -> None:
    """Let the owner deactivate and release *group*; *heir* takes it then."""
    record = turn.records[group]
    if record.owner == turn.me:
        holding.bring_down(turn, group, event, heir=heir, stay_stopped=stay_stopped)
    else:
        turn.send(
            record.owner,
            StopGroup(
                group=group,
                epoch=record.epoch,
                event=event,
                heir=heir,
                stay_stopped=stay_stopped,
            ),
        )
