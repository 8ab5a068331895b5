"""When what an operator asked for is done, has failed, or has nobody who decides on it."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import (
    byhand,
    draining,
    endings,
    evidence,
    holding,
    maintenance,
    operations,
    placement,
    reporting,
    waiting,
)
from clpcore.decide.turn import Turn
from clpcore.model import requests as ops
from clpcore.model.ids import Incarnation
from clpcore.model.ownership import Record, Wanted
from clpcore.model.peer import Forward, Reply
from clpcore.model.reasons import Because
from clpcore.model.state import Operation, Peer, PeerState
from clpcore.model.states import Event, Phase, Shown

GIVE_UP_MS = 7_200_000  # as long as two resources may take by default to go down and up again

Result = tuple[bool, Because | None]
_DONE: Result = (True, None)


def settle(turn: Turn) -> None:
    """Answer what is done, what failed, and what nobody decides on any more."""
    for key, operation in turn.operations.items():
        if operation.group:
            result = _result(turn, _with_failure(turn, key, operation))
        else:
            result = _handed_on(turn, key, operation)
        if result is None and turn.now - operation.at > GIVE_UP_MS:
            result = False, messages.because("op12", ms=GIVE_UP_MS)
        if result is not None:
            ok, because = result
            turn.operations.drop(key)
            turn.reply(operation.request, *((because,) if because else ()), ok=ok)
            _end_last(turn, operation.request.op)


def _end_last(turn: Turn, op: ops.Op) -> None:
    """End the machine of a server that has left, now that the others know that they shall go."""
    if isinstance(op, ops.ClusterStop) and op.then.ends_machine and turn.phase is Phase.OFFLINE:
        endings.leave(turn, stay=False, cluster=True, how=op.then)


def _is_due(turn: Turn, operation: Operation, every: int) -> bool:
    """Tell whether it is time to ask again; note that it is done now."""
    due = operation.sent_at + every
    if turn.now < due:
        turn.wake(due)
        return False
    turn.wake(turn.now + every)
    turn.operations.put(operation.request.id, attrs.evolve(operation, sent_at=turn.now))
    return True


# -- what others do, or all


def take_reply(turn: Turn, sender: str, letter: Reply) -> None:
    """Note that a server has done what was handed on to it, or hand its refusal to the operator."""
    operation = turn.operations.get(letter.request)
    if operation is None or sender not in operation.waits:
        return
    if letter.ok and letter.because and not _is_for_all(operation.request.op):
        turn.operations.drop(letter.request)
        turn.reply(operation.request, *letter.because, ok=True)
    elif letter.ok:
        waits = {name: life for name, life in operation.waits.items() if name != sender}
        turn.operations.put(letter.request, attrs.evolve(operation, waits=waits))
    else:
        turn.operations.drop(letter.request)
        turn.reply(operation.request, *letter.because, ok=False)


def _handed_on(turn: Turn, key: str, operation: Operation) -> Result | None:
    """Strike off who is done or gone, and ask the rest again."""
    op, rest = operation.request.op, {}
    for name, life in operation.waits.items():
        if _seen_to_be_done(turn, op, name):
            continue
        if not _is_lost(turn, name, life):
            rest[name] = life
        elif not _is_for_all(op):
            return False, messages.because("op13", server=name)
    if rest != operation.waits:
        operation = turn.operations.change(key, waits=rest)
    if not rest and isinstance(op, ops.ServerDrain) and op.on:
        return draining.result(turn, operation, op.server)
    if not rest:
        return _here(turn, op)
    if _is_due(turn, operation, turn.beat_ms):
        for name in rest:
            turn.send(name, Forward(operation.request))
    return None


def _seen_to_be_done(turn: Turn, op: ops.Op, server: str) -> bool:
    peer = turn.peers[server]
    match op:
        case ops.ServerStop(then=then) | ops.ClusterStop(then=then):
            # Of a machine that shall go, too, its word alone tells: it may have left long ago.
            return peer.state is PeerState.LEFT and not then.ends_machine
        case ops.ServerStart(alone=False) | ops.ClusterStart():
            return peer.up
        case _:
            return False


def _is_lost(turn: Turn, server: str, life: Incarnation | None) -> bool:
    peer = turn.peers[server]
    return not peer.there or peer.incarnation != life


def _is_for_all(op: ops.Op) -> bool:
    match op:
        case ops.MonitorSuspend(server="") | ops.MonitorResume(server=""):
            return True
        case ops.ClusterStop() | ops.ClusterStart() | ops.ServerStart(alone=True):
            return True
        case ops.ClusterSuspend() | ops.ClusterResume() | ops.ServerDrain():
            return True
        case _:
            return False


def _here(turn: Turn, op: ops.Op) -> Result | None:
    """Tell whether it is done here as well, when all the others are."""
    leaves = isinstance(op, ops.ClusterStop | ops.ServerStop) and (
        getattr(op, "server", turn.me) == turn.me
    )
    if leaves and turn.phase is not Phase.OFFLINE:
        return None
    if isinstance(op, ops.ClusterStart) and turn.phase is Phase.OFFLINE:
        operations.start_here(turn, op)
    if isinstance(op, ops.ClusterSuspend | ops.ClusterResume):
        deaf = sorted(name for name, peer in turn.peers.items() if not _has_heard(peer))
        return True, messages.because("op37", servers=", ".join(deaf)) if deaf else None
    return _DONE


def _has_heard(peer: Peer) -> bool:
    """Tell whether it knows what all were told; who has left learns it before it is online."""
    return peer.there or peer.state is PeerState.LEFT


# -- what happens to a group


def _with_failure(turn: Turn, key: str, operation: Operation) -> Operation:
    """Keep why the target could not: what it noted is gone when another server serves."""
    if not operation.target:
        return operation
    note = reporting.note_of(turn, operation.group, operation.target)
    if note is None or note.key != "rc32" or note == operation.failed:
        return operation
    return turn.operations.change(key, failed=note)


def _result(turn: Turn, operation: Operation) -> Result | None:
    if isinstance(operation.request.op, byhand.Op):
        return byhand.result(turn, operation, operation.request.op)
    record = turn.records[operation.group]
    state, note = reporting.standing(turn, operation.group, record.owner)
    if state is Shown.ERROR and _can_be_its_end(turn, operation, record):
        failed = messages.because("op16", group=operation.group, server=record.owner)
        return False, note or failed
    if turn.leader() != turn.me:
        return False, messages.because("op14", group=operation.group)
    if not operation.target:
        return _stopped(turn, operation, record)
    if state is Shown.ONLINE and _is_its_end(turn, operation, record):
        return _arrived(operation, record)
    if record.owner and not _is_left_to_it(turn, operation, record):
        if _is_over(turn, record):
            waits = turn.groups[record.group].note
            return False, waits or messages.because("op17", group=record.group)
        _insist(turn, operation, record)
        return None
    return _ask_target(turn, operation, record)


def _is_left_to_it(turn: Turn, operation: Operation, record: Record) -> bool:
    """Tell whether nobody but the operator who waits starts the group: its owner has ended."""
    return isinstance(operation.request.op, ops.GroupStart) and _is_over(turn, record)


def _is_over(turn: Turn, record: Record) -> bool:
    """Tell whether its owner is not heard in that life any more, and it shall stay stopped."""
    return record.wanted is not Wanted.AUTO and not evidence.lives(turn, record)


def _arrived(operation: Operation, record: Record) -> Result:
    """Tell how it ended when the group is online: where it was asked for, or elsewhere, and why."""
    wherever = operation.request.op == ops.GroupStart(record.group)
    if record.owner == operation.target:
        return _DONE
    where = {"group": record.group, "server": record.owner}
    if operation.failed is None:
        return wherever, messages.because("op15", **where)
    return wherever, messages.because("op20", **where, reason=operation.failed)


def _is_its_end(turn: Turn, operation: Operation, record: Record) -> bool:
    """Tell whether being online there came of it; to start what runs, as it turns out, as well."""
    starts = isinstance(operation.request.op, ops.GroupStart)
    runs = starts and evidence.lives(turn, record)
    if operation.recalls:
        runs = runs and _can_be_its_end(turn, operation, record)
    return record.epoch > operation.epoch or runs


def _can_be_its_end(turn: Turn, operation: Operation, record: Record) -> bool:
    """Tell whether a state can be news: what another server reports may be from before."""
    return record.owner == turn.me or turn.now - operation.at >= placement.PATIENCE_MS


def _stopped(turn: Turn, operation: Operation, record: Record) -> Result | None:
    if record.wanted is not Wanted.AUTO and not _is_being_written(turn, record.group):
        return _DONE
    if placement.stays_stopped(turn, record):
        holding.want(turn, record.group, Wanted.STOPPED)
    elif record.owner:
        _insist(turn, operation, record)
    return None


def _is_being_written(turn: Turn, group: str) -> bool:
    claim = turn.claims.get(group)
    return claim is not None and any(turn.peers[name].up for name in claim.need)


def _insist(turn: Turn, operation: Operation, record: Record) -> None:
    """Order the owner again to stop the epoch in question: the order may not have arrived."""
    op = operation.request.op
    stale = record.epoch != operation.epoch and not isinstance(op, ops.GroupStop)
    if isinstance(op, ops.GroupStart) or stale or not evidence.lives(turn, record):
        return
    if _is_due(turn, operation, turn.beat_ms):
        event = {ops.GroupMove: Event.MOVE, ops.GroupFailover: Event.FAILOVER}.get(type(op))
        placement.order_stop(
            turn,
            record.group,
            event or Event.STOP,
            heir=operation.target,
            stay_stopped=event is None,
        )


def _ask_target(turn: Turn, operation: Operation, record: Record) -> Result | None:
    """Nominate the target again; when it cannot take the group any more, somebody else may."""
    group = turn.config.group_by_name[record.group]
    if waits := waiting.to_start(turn, group, operation.target):
        if record.wanted is not Wanted.AUTO:
            return False, waiting.given_up(group, waits)
        # Due as soon as they are online, before the leader chooses for itself.
        turn.operations.change(operation.request.id, sent_at=operation.at - placement.PATIENCE_MS)
        return None
    if not _is_due(turn, operation, placement.PATIENCE_MS):
        return None
    refusal = placement.refusal_of(turn, record.group, operation.target)
    if refusal is None:
        why = placement.named(operation.target)
        placement.nominate(turn, record.group, operation.target, why)
    elif record.wanted is not Wanted.AUTO or maintenance.suspended(turn):
        return False, refusal
    return None
