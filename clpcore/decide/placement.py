"""Where a group goes: the leader nominates, with a reason for every choice and refusal."""

from __future__ import annotations

from collections.abc import Mapping

from clpcore import messages
from clpcore.decide import (
    evidence,
    fencing,
    holding,
    maintenance,
    ownership,
    session,
    suitability,
    waiting,
)
from clpcore.decide.turn import Turn
from clpcore.model.members import Group
from clpcore.model.ownership import Record, Wanted
from clpcore.model.peer import GroupReport, Nominate, StopGroup
from clpcore.model.reasons import Because
from clpcore.model.requests import GroupStart, GroupStop
from clpcore.model.state import Nomination, Peer
from clpcore.model.states import Automatic, Event, Exclusion, Phase, Shown

PATIENCE_MS = suitability.PATIENCE_MS

# -- candidates


def choose(
    turn: Turn, group: str, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> tuple[str, Because]:
    """Give the best server for *group* and why; "" and why nobody, when there is none."""
    configured = turn.config.group_by_name[group]
    refusals: dict[str, Because] = {}
    flawed: list[tuple[tuple[int, ...], int, str]] = []
    for place, name in enumerate(turn.config.homes[group]):
        if name in without or (only and name not in only):
            continue
        refusal = refusal_of(turn, group, name) or suitability.bar(turn, configured, name)
        if refusal is not None:
            refusals[name] = refusal
            continue
        flaws = suitability.flaws(turn, configured, name)
        if not flaws:
            return name, _why(name, refusals)
        refusals[name] = flaws[0][1]
        flawed.append((tuple(weight for weight, _ in flaws), place, name))
    if flawed:
        _, _, best = min(flawed)
        return best, messages.because("rc577", server=best, flaw=refusals[best])
    if not refusals:
        return "", messages.because("rc567", group=group)
    return "", messages.because("rc565", refusals=_together([*refusals.values()]))


def _why(name: str, refusals: Mapping[str, Because]) -> Because:
    if refusals:
        return messages.because("rc561", server=name, refusals=_together([*refusals.values()]))
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
        refusal = obstacle_here(turn, group)
        return refusal or suitability.beside(turn, group, name, Exclusion.ABSOLUTE)
    peer = turn.peers[name]
    if refusal := maintenance.refusal(turn, name):
        return refusal
    if _is_starting(peer):
        return messages.because("rc549", server=name)
    if not peer.member:
        return messages.because("rc546", server=name)
    report = peer.groups.get(group)
    if report is None:
        return messages.because("rc547", server=name)
    return report.refuses or suitability.beside(turn, group, name, Exclusion.ABSOLUTE)


def obstacle_here(turn: Turn, group: str) -> Because | None:
    """Tell why this server cannot, or should not, take *group* now."""
    return (
        evidence.obstacle_here(turn, group)
        or _not_at_arbiter(turn, group)
        or refused_by_monitor(turn, group)
    )


def _not_at_arbiter(turn: Turn, group: str) -> Because | None:
    if evidence.holds(turn, group):
        return None
    return session.obstacle(turn, fresh=turn.records[group].epoch == 0)


def refused_by_monitor(turn: Turn, group: str) -> Because | None:
    """Tell which monitor warns of this server as a home of *group* (design 4.4)."""
    if evidence.holds(turn, group):
        return None
    for monitor in turn.config.monitors_of[group]:
        local = turn.monitors[monitor.name]
        if local.state is Shown.CAUTION and local.errors > 0:
            return messages.because(
                "rc548", server=turn.me, monitor=monitor.name, reason=local.detail
            )
    return None


# -- consequences


def settle(turn: Turn, group: Group) -> None:
    """Give *group* a home when it has no living owner, as the leader."""
    _forget_what_it_waited_for(turn, turn.records[group.name])
    if turn.phase is not Phase.ONLINE or turn.ending is not None or turn.leader() != turn.me:
        return
    record = turn.records[group.name]
    if record.owner and evidence.lives(turn, record):
        turn.cold.drop(group.name)
        turn.waiting.drop(group.name)
        if not maintenance.drained(turn, record.owner):  # draining chooses for itself
            turn.nominated.drop(group.name)
            _fail_back(turn, group, record)
    elif _wanted(turn, record) is not Wanted.AUTO:
        turn.waiting.drop(group.name)
        _keep_stopped(turn, record)
    elif maintenance.suspended(turn):
        holding.note(turn, group.name, messages.because("rc580"))
    else:
        _find_home(turn, group, record)


def _forget_what_it_waited_for(turn: Turn, record: Record) -> None:
    """What this server noted of a group is over when another one serves it."""
    serves_elsewhere = record.owner not in ("", turn.me) and evidence.lives(turn, record)
    if serves_elsewhere and not evidence.holds(turn, record.group):
        turn.groups.change(record.group, note=None)


def _wanted(turn: Turn, record: Record) -> Wanted:
    return turn.cold.get(record.group) or record.wanted


def _keep_stopped(turn: Turn, record: Record) -> None:
    """Write down that a cold start leaves the group stopped: the next leader does not know."""
    if record.group in turn.cold and evidence.current(turn, record.group):
        holding.want(turn, record.group, turn.cold[record.group])


def _find_home(turn: Turn, group: Group, record: Record) -> None:
    """Nominate the best server, or note what is waited for."""
    event, previous = _event(turn, record)
    obstacle = _blocked(turn, group, record)
    if obstacle is not None:
        moments = record.owner in turn.up  # it has started anew and is about to be online
        tell = holding.show if moments else holding.note
        tell(turn, group.name, obstacle)
        return
    if stays_stopped(turn, record):
        return
    if event is Event.START and _better_one_is_coming(turn, group, record):
        return
    standing = turn.nominated.get(group.name)
    if standing is not None and _still_good(turn, group.name, standing, record):
        turn.wake(standing.at + PATIENCE_MS, group.name)
        return
    if record.heir and standing is None and _can(turn, group.name, record.heir):
        # The releasing owner chose; the heir claims by itself. Only if it does not, choose anew.
        _remember(turn, group.name, record.heir, record.epoch)
        return
    asked_for = _asked_for(turn, group.name)
    if asked_for and waiting.holds_back(turn, group, asked_for):
        return
    only = _only(turn, group, record)
    server, why = choose(turn, group.name, without=record.avoid, only=only)
    if not server and record.avoid:
        server, why = choose(turn, group.name, only=only)
    if not server:
        holding.note(turn, group.name, why)
    elif not waiting.holds_back(turn, group, server):
        _nominate(turn, group.name, server, why, event, previous)


def _event(turn: Turn, record: Record) -> tuple[Event, str]:
    if record.group in turn.cold:
        return Event.START, record.owner or record.previous
    if record.owner:
        return Event.FAILOVER, record.owner
    return record.why(Event.START), record.previous


def _only(turn: Turn, group: Group, record: Record) -> tuple[str, ...]:
    """Give which servers come into question; () is all."""
    return (record.owner,) if _failover_is_manual(turn, group, record) else ()


def stays_stopped(turn: Turn, record: Record) -> bool:
    """Tell whether the owner has ended amid a stop that an operator waits for: nobody takes it."""
    if not record.owner or evidence.lives(turn, record) or not evidence.current(turn, record.group):
        return False
    pending = (each for _, each in turn.operations.items() if each.group == record.group)
    asked = any(isinstance(each.request.op, GroupStop) for each in pending)
    return asked and evidence.proof_about(turn, record.owner, record.boot) is not None


def _asked_for(turn: Turn, group: str) -> str:
    """Give where an operator who waits for it wants the group to start."""
    pending = (each for _, each in turn.operations.items() if each.group == group)
    return next((each.target for each in pending if isinstance(each.request.op, GroupStart)), "")


def _failover_is_manual(turn: Turn, group: Group, record: Record) -> bool:
    return group.failover is Automatic.MANUAL and record.owner != "" and group.name not in turn.cold


def _blocked(turn: Turn, group: Group, record: Record) -> Because | None:
    """Tell what only the former owner's end, its return, or an operator can resolve."""
    owner = record.owner
    if record.event == Event.CLUSTER_STOP.value and not owner and group.name not in turn.cold:
        return messages.because("rc568", group=group.name)
    if not owner:
        return None
    silent = turn.config.arbiter is not None and evidence.silent(turn, owner) is not None
    if not silent and evidence.proof_about(turn, owner, record.boot) is None:
        return fencing.blocked(turn, group.name, owner)
    came_back = owner == turn.me or turn.peers[owner].member
    if _failover_is_manual(turn, group, record) and not came_back:
        return messages.because("rc562", group=group.name, server=owner)
    return None


def _better_one_is_coming(turn: Turn, group: Group, record: Record) -> bool:
    """At a start, wait for a better server that is heard and not yet ready to say yes.

    One that is starting may take the whole start-up wait; one that is online needs a moment to
    become current and to report.
    """
    for name in turn.config.homes[group.name]:
        refusal = refusal_of(turn, group.name, name)
        if refusal is None and suitability.flaws(turn, group, name):
            continue
        if refusal is None:
            return False
        if maintenance.refusal(turn, name):
            continue
        starting = name != turn.me and _is_starting(turn.peers[name])
        until = turn.since + turn.config.startup_wait
        if not starting:
            until = turn.since + (PATIENCE_MS if _becomes_current(turn, record, name) else 0)
        if turn.now < until:
            turn.wake(until, group.name)
            tell = holding.note if starting else holding.show
            tell(turn, group.name, messages.because("rc563", server=name, reason=refusal))
            return True
    return False


def _is_starting(peer: Peer) -> bool:
    return peer.up and peer.phase is Phase.STARTING


def _becomes_current(turn: Turn, record: Record, name: str) -> bool:
    """Tell whether it is a matter of moments until *name* is current; its no is no no yet."""
    if name == turn.me:
        settled = evidence.current(turn, record.group)
    else:
        report = turn.peers[name].groups.get(record.group)
        settled = not turn.peers[name].member or (report is not None and _is_settled(report))
    proven = holding.proven_in(turn, record.cohort)
    waits_for_the_silent = len(proven) < len(holding.unheard(turn, record.cohort))
    return not settled and not waits_for_the_silent


def _is_settled(report: GroupReport) -> bool:
    """Tell whether a server's report of a group speaks of it as a member that is current."""
    before_it_joined = report.refuses is not None and report.refuses.key == "rc540"
    return report.current and not before_it_joined


def _still_good(turn: Turn, group: str, standing: Nomination, record: Record) -> bool:
    young = turn.now < standing.at + PATIENCE_MS
    return young and standing.epoch == record.epoch and _can(turn, group, standing.server)


def _can(turn: Turn, group: str, server: str) -> bool:
    return refusal_of(turn, group, server) is None


def _remember(turn: Turn, group: str, server: str, epoch: int) -> None:
    turn.nominated.put(group, Nomination(server=server, epoch=epoch, at=turn.now))
    turn.wake(turn.now + PATIENCE_MS, group)


def _nominate(
    turn: Turn, group: str, server: str, why: Because, event: Event, previous: str
) -> None:
    epoch = turn.records[group].epoch
    standing = turn.nominated.get(group)
    if standing is None or standing.server != server or standing.epoch != epoch:
        turn.say("rc64", server=server, group=group, reason=why)
        if event is Event.FAILOVER and server == previous:
            turn.say("rc570", group=group, server=server)
        elif event is Event.FAILOVER:
            turn.say("rc60", group=group, server=server, previous=previous)
    _remember(turn, group, server, epoch)
    if server == turn.me:
        obstacle = holding.claim(turn, group, event, previous)
        if obstacle is not None:
            holding.note(turn, group, obstacle)
    else:
        turn.send(server, Nominate(group, epoch, turn.records[group].version, event, previous))


def named(server: str) -> Because:
    """Give the reason for a server that an operator named."""
    return messages.because("rc564", server=server)


def nominate(turn: Turn, group: str, server: str, why: Because) -> None:
    """Nominate the server that an operator named, or that was chosen for an operator."""
    _nominate(turn, group, server, why, Event.START, turn.records[group].previous)


# -- failback


def _fail_back(turn: Turn, group: Group, record: Record) -> None:
    """Move a group to a better server that came online, once."""
    order, wanted = turn.config.homes[group.name], turn.failback.get(group.name) or ()
    if not wanted or record.owner not in order:
        return
    better = [name for name in wanted if order.index(name) < order.index(record.owner)]
    able = (name for name in better if _can(turn, group.name, name))
    ready = [name for name in able if suitability.suits(turn, group, name)]
    if ready and evidence.online(turn, group.name, record.owner):
        better.remove(ready[0])
        turn.say("rc74", group=group.name, server=ready[0])
        order_stop(turn, group.name, Event.MOVE, heir=ready[0])
    turn.failback.put(group.name, tuple(better))


def order_retry(turn: Turn, group: str) -> None:
    """Let the owner go on with *group*, which it left as it was when an activation failed."""
    record = turn.records[group]
    if record.owner == turn.me:
        holding.resume(turn, group)
    else:
        again = Nominate(group, record.epoch, record.version, Event.START, record.previous)
        turn.send(record.owner, again)


def order_stop(
    turn: Turn, group: str, event: Event, *, heir: str = "", stay_stopped: bool = False
) -> None:
    """Let the owner deactivate and release *group*; *heir* takes it then."""
    record = turn.records[group]
    if record.owner == turn.me:
        ownership.stop(turn, group, event, heir=heir, stay_stopped=stay_stopped)
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
