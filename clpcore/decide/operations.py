"""What operators ask for: who decides on it, and when it is done."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import endings, evidence, holding, membership, placement
from clpcore.decide.turn import Turn
from clpcore.model.actions import RaiseBoot
from clpcore.model.ownership import EvidenceKind, Wanted
from clpcore.model.peer import Forward, Reply
from clpcore.model.reasons import Because
from clpcore.model.requests import (
    ClusterStart,
    ClusterStop,
    DummyFailure,
    GroupFailover,
    GroupMove,
    GroupStart,
    GroupStop,
    MonitorResume,
    MonitorSuspend,
    Request,
    ServerStart,
    ServerStop,
    Verification,
)
from clpcore.model.state import Goal, Operation
from clpcore.model.states import Event, Phase, Presence, Shown

GIVE_UP_MS = 7_200_000

# -- taking a request


def take(turn: Turn, request: Request) -> None:
    """Refuse, hand on, or begin what an operator asked for."""
    refusal = _unknown_name(turn, request)
    if refusal is not None:
        turn.reply(request, refusal, ok=False)
        return
    if request.origin == turn.me:
        turn.say("op1", op=type(request.op).__name__, by=request.by, server=turn.me)
    match request.op:
        case GroupStart() | GroupStop() | GroupMove() | GroupFailover() | Verification():
            _by_leader(turn, request)
        case MonitorSuspend() | MonitorResume() | ClusterStop() | ClusterStart():
            _by_everybody(turn, request)
        case DummyFailure(server=server) | ServerStop(server=server) | ServerStart(server=server):
            _by(turn, request, server)


def _unknown_name(turn: Turn, request: Request) -> Because | None:
    op, config = request.op, turn.config
    kinds = (("group", config.group_by_name), ("monitor", config.monitor_by_name))
    for kind, known in (*kinds, ("server", config.server_by_name)):
        name = getattr(op, kind, "")
        if name and name not in known:
            return messages.because("op2", kind=kind, name=name, known=", ".join(known))
    return None


def _by_leader(turn: Turn, request: Request) -> None:
    leader = turn.leader()
    if leader == "":
        turn.reply(request, messages.because("op3", server=turn.me), ok=False)
    else:
        _by(turn, request, leader)


def _by(turn: Turn, request: Request, server: str) -> None:
    if server == turn.me:
        _carry_out(turn, request)
    elif request.origin != turn.me:
        turn.reply(request, messages.because("op4", server=server), ok=False)
    elif not turn.peers[server].there:
        turn.reply(request, messages.because("op5", server=server), ok=False)
    else:
        turn.send(server, Forward(request))
        turn.operations.put(request.id, Operation(request=request, at=turn.now, forwarded=server))


def _by_everybody(turn: Turn, request: Request) -> None:
    """Carry out here; the server that was asked first also tells the others."""
    only = getattr(request.op, "server", "")
    if only:
        _by(turn, request, only)
        return
    if request.origin == turn.me:
        for name in turn.config.server_names:
            if name != turn.me:
                turn.send(name, Forward(request))
    _carry_out(turn, request)


def take_reply(turn: Turn, letter: Reply) -> None:
    """Hand the answer of the server that decided to the operator here."""
    operation = turn.operations.get(letter.request)
    if operation is not None and operation.forwarded:
        turn.operations.drop(letter.request)
        turn.reply(operation.request, *letter.because, ok=letter.ok)


# -- carrying it out


def _carry_out(turn: Turn, request: Request) -> None:
    refusal = _begin(turn, request)
    if refusal is not None:
        turn.reply(request, refusal, ok=False)
    elif request.id not in turn.operations and not _answers_later(request):
        turn.reply(request, ok=True)


def _answers_later(request: Request) -> bool:
    return isinstance(request.op, ServerStop | ClusterStop)


def _begin(turn: Turn, request: Request) -> Because | None:  # noqa: C901 - one line each
    match request.op:
        case GroupStart(group=group, server=server):
            return _start(turn, request, group, server)
        case GroupStop(group=group):
            return _stop(turn, request, group)
        case GroupMove(group=group, server=server):
            return _move(turn, request, group, server, Event.MOVE)
        case GroupFailover(group=group, server=server):
            return _move(turn, request, group, server, Event.FAILOVER)
        case MonitorSuspend(monitor=monitor):
            turn.suspended.put(monitor, True)
            turn.say("rm29", monitor=monitor, server=turn.me)
        case MonitorResume(monitor=monitor):
            turn.suspended.drop(monitor)
            turn.say("rm30", monitor=monitor, server=turn.me)
        case Verification(on=on):
            membership.set_verification(turn, on=on)
        case DummyFailure():
            return _dummy(turn, request.op)
        case ServerStop():
            endings.leave(turn, stay=True, cluster=False, request=request)
        case ClusterStop():
            endings.leave(turn, stay=True, cluster=True, request=request)
        case ServerStart(alone=alone):
            return _start_server(turn, alone=alone)
        case ClusterStart():
            return _start_server(turn, alone=False)
    return None


def _start(turn: Turn, request: Request, group: str, server: str) -> Because | None:
    record = turn.records[group]
    if record.owner and placement.lives(turn, record):
        if server in ("", record.owner):
            return None
        return messages.because("op6", group=group, server=record.owner)
    if record.owner and evidence.proof_about(turn, record.owner, record.boot) is None:
        return messages.because("rc530", group=group, server=record.owner)
    target, refusal = _target(turn, group, server, ())
    if refusal is None:
        _remember(turn, request, group, target)
        placement.nominate(turn, group, target, Event.START)
    return refusal


def _stop(turn: Turn, request: Request, group: str) -> Because | None:
    record = turn.records[group]
    if record.owner and placement.lives(turn, record):
        _remember(turn, request, group, "")
        placement.order_stop(turn, group, Event.STOP, stay_stopped=True)
        return None
    if not evidence.current(turn, group):
        return messages.because("rc542", server=turn.me, group=group)
    holding.want(turn, group, Wanted.STOPPED)
    return None


def _move(turn: Turn, request: Request, group: str, server: str, event: Event) -> Because | None:
    record = turn.records[group]
    if not record.owner or not placement.lives(turn, record):
        return messages.because("op7", group=group)
    if server == record.owner:
        return messages.because("op8", group=group, server=server)
    target, refusal = _target(turn, group, server, (record.owner,))
    if refusal is None:
        _remember(turn, request, group, target)
        if event is Event.FAILOVER:
            turn.say("rc60", group=group, server=target, previous=record.owner)
        else:
            turn.say("rc50", group=group, server=target, previous=record.owner)
        placement.order_stop(turn, group, event, heir=target)
    return refusal


def _target(
    turn: Turn, group: str, server: str, without: tuple[str, ...]
) -> tuple[str, Because | None]:
    if server:
        if server not in turn.config.homes[group]:
            return "", messages.because("rc541", server=server, group=group)
        return server, placement.refusal_of(turn, group, server)
    chosen, why = placement.choose(turn, group, without=without)
    return chosen, None if chosen else why


def _remember(turn: Turn, request: Request, group: str, target: str) -> None:
    record = turn.records[group]
    turn.operations.put(
        request.id,
        Operation(request=request, at=turn.now, group=group, target=target, epoch=record.epoch),
    )


def _dummy(turn: Turn, op: DummyFailure) -> Because | None:
    if not turn.verification:
        return messages.because("op9", monitor=op.monitor)
    if not turn.config.monitor_by_name[op.monitor].looks_on(turn.me):
        return messages.because("op10", monitor=op.monitor, server=turn.me)
    turn.say("rm182" if op.on else "rm183", monitor=op.monitor, server=turn.me)
    local = turn.monitors[op.monitor]
    soon = turn.now if local.next_at is not None else None
    turn.monitors.put(op.monitor, attrs.evolve(local, dummy=op.on, next_at=soon))
    return None


def _start_server(turn: Turn, *, alone: bool) -> Because | None:
    if turn.phase is Phase.OFFLINE:
        if alone:
            return messages.because("op11", server=turn.me)
        turn.left = False
        turn.say("nm17", server=turn.me)
        turn.do(RaiseBoot(turn.incarnation.boot.counter))
        return None
    return _start_alone(turn) if alone else None


def _start_alone(turn: Turn) -> Because | None:
    """Take the operator's word that every server that is not heard has stopped."""
    for name, peer in turn.peers.items():
        if not peer.up and not (peer.evidence and peer.evidence.proven):
            turn.say("nm24", server=name, me=turn.me)
            turn.peers.change(name, evidence=EvidenceKind.OPERATOR)
    turn.alone = True
    return None


# -- when it is done


def settle(turn: Turn) -> None:
    """Answer what is done, what failed, and what nobody decides on any more."""
    for key, operation in turn.operations.items():
        result = _handed_on(turn, operation) if operation.forwarded else _result(turn, operation)
        if result is None and turn.now - operation.at > GIVE_UP_MS:
            result = (False, messages.because("op12", ms=GIVE_UP_MS))
        if result is not None:
            ok, because = result
            turn.operations.drop(key)
            turn.reply(operation.request, *((because,) if because else ()), ok=ok)


Result = tuple[bool, Because | None]


def _handed_on(turn: Turn, operation: Operation) -> Result | None:
    if turn.peers[operation.forwarded].there:
        return None
    return False, messages.because("op13", server=operation.forwarded)


def _result(turn: Turn, operation: Operation) -> Result | None:
    group, target = operation.group, operation.target
    record = turn.records[group]
    if not target:
        return (True, None) if not record.owner and not _busy(turn, group) else None
    if turn.leader() != turn.me:
        return False, messages.because("op14", group=group)
    state, note = _shown(turn, group, record.owner)
    if state is Shown.ONLINE and record.epoch > operation.epoch:
        arrived = record.owner == target
        return arrived, None if arrived else messages.because(
            "op15", group=group, server=record.owner
        )
    if state is Shown.ERROR:
        return False, note or messages.because("op16", group=group, server=record.owner)
    if not record.owner and not record.heir and isinstance(operation.request.op, GroupStart):
        _insist(turn, operation)
    return None


def _busy(turn: Turn, group: str) -> bool:
    claim = turn.claims.get(group)
    return claim is not None and any(turn.peers[name].up for name in claim.need)


def _shown(turn: Turn, group: str, owner: str) -> tuple[Shown, Because | None]:
    if owner == turn.me:
        local = turn.groups[group]
        if local.halted is not None:
            return Shown.ERROR, local.halted
        ready = local.goal is Goal.UP and local.confirmed and _all_active(turn, group)
        return (Shown.ONLINE if ready else Shown.ONLINE_PENDING), local.note
    peer = turn.peers.get(owner)
    report = peer.groups.get(group) if peer else None
    if report is None or report.epoch != turn.records[group].epoch:
        return Shown.ONLINE_PENDING, None
    return report.state, report.note


def _all_active(turn: Turn, group: str) -> bool:
    return all(
        turn.resources[group, name].presence is Presence.ACTIVE
        for name in turn.config.group_by_name[group].by_name
    )


def _insist(turn: Turn, operation: Operation) -> None:
    """Ask the nominated server again while it has not claimed."""
    standing = turn.nominated.get(operation.group)
    if standing is None or turn.now >= standing.at + placement.PATIENCE_MS:
        placement.nominate(turn, operation.group, operation.target, Event.START)
    elif standing is not None:
        turn.wake(standing.at + placement.PATIENCE_MS)
