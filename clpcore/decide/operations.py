"""What operators ask for: who decides on it, and how it begins."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import (
    byhand,
    endings,
    evidence,
    fencing,
    freezing,
    intents,
    joining,
    maintenance,
    objections,
    spelling,
    troubles,
)
from clpcore.decide.turn import Turn
from clpcore.model import requests as ops
from clpcore.model.actions import RaiseBoot
from clpcore.model.ownership import EvidenceKind
from clpcore.model.peer import Forward
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.state import Operation
from clpcore.model.states import Event, FinalAction, Phase

# -- taking a request


def take(turn: Turn, request: Request) -> None:
    """Refuse, hand on, or begin what an operator asked for; a repeated request is no new one."""
    if request.id in turn.operations:
        return
    answered = turn.answered.get(request.id)
    if answered is not None:
        turn.send(request.origin, answered)
        return
    refusal = objections.unknown_name(turn, request)
    if refusal is not None:
        turn.reply(request, refusal, ok=False)
        return
    if request.origin == turn.me:
        turn.say("op1", op=spelling.spelled(request.op), by=request.by, server=turn.me)
    _route(turn, request)


def _route(turn: Turn, request: Request) -> None:
    """Bring a request to whom it concerns: the leader, everybody, or one server."""
    match request.op:
        case (
            ops.GroupStart()
            | ops.GroupStop()
            | ops.GroupMove()
            | ops.GroupFailover()
            | ops.Verification()
        ):
            _by_leader(turn, request)
        case ops.MonitorSuspend(server="") | ops.MonitorResume(server=""):
            _by_everybody(turn, request)
        case ops.ServerStart(server=server, alone=True) if not _there(turn, server):
            turn.reply(request, messages.because("op5", server=server), ok=False)
        case ops.ClusterStop() | ops.ClusterStart() | ops.ServerStart(alone=True):
            _by_everybody(turn, request)
        case ops.ClusterSuspend() if refusal := objections.on_its_way(turn, request):
            turn.reply(request, refusal, ok=False)
        case ops.ClusterSuspend() | ops.ClusterResume() | ops.ServerDrain():
            _by_everybody(turn, request)
        case (
            ops.GroupRestart(group=group)
            | ops.ResourceStart(group=group)
            | ops.ResourceStop(group=group)
            | ops.ResourceRestart(group=group)
        ):
            _by_owner(turn, request, group)
        case ops.Acknowledge() | ops.ServerConfirmDown():
            _carry_out(turn, request)
        case (
            ops.MonitorSuspend(server=server)
            | ops.MonitorResume(server=server)
            | ops.DummyFailure(server=server)
            | ops.ServerStop(server=server)
            | ops.ServerStart(server=server)
            | ops.ServerExpectFreeze(server=server)
        ):
            _by(turn, request, server)


def _by_leader(turn: Turn, request: Request) -> None:
    leader = turn.leader()
    if leader == "":
        turn.reply(request, messages.because("op3", server=turn.me), ok=False)
    else:
        _by(turn, request, leader)


def _by_owner(turn: Turn, request: Request, group: str) -> None:
    record = turn.records[group]
    if record.owner and evidence.lives(turn, record):
        _by(turn, request, record.owner)
    elif turn.leader() == "":
        turn.reply(request, messages.because("op3", server=turn.me), ok=False)
    else:
        turn.reply(request, objections.nowhere(turn, group), ok=False)


def _by(turn: Turn, request: Request, server: str) -> None:
    if server == turn.me:
        _carry_out(turn, request)
    elif request.origin != turn.me:
        turn.reply(request, messages.because("op4", server=server), ok=False)
    elif not _there(turn, server):
        turn.reply(request, messages.because("op5", server=server), ok=False)
    else:
        _hand_on(turn, request, (server,))


def _there(turn: Turn, server: str) -> bool:
    return server == turn.me or turn.peers[server].there


def _by_everybody(turn: Turn, request: Request) -> None:
    """Carry out here; the server that was asked first also tells the others."""
    if request.origin != turn.me:
        _carry_out(turn, request)
        return
    rest = tuple(name for name, peer in turn.peers.items() if peer.there)
    _hand_on(turn, request, rest)
    if _ends_agent(request.op) and turn.phase is Phase.OFFLINE:
        return  # it ends this agent, and with it what it still has to hand on
    refusal = _begin(turn, request)
    if refusal is not None:
        turn.operations.drop(request.id)
        turn.reply(request, refusal, ok=False)


def _ends_agent(op: ops.Op) -> bool:
    """Tell whether *op* ends the agent of a server that has left."""
    return isinstance(op, ops.ClusterStart) or (
        isinstance(op, ops.ClusterStop) and op.then.ends_machine
    )


def _hand_on(turn: Turn, request: Request, servers: tuple[str, ...]) -> None:
    """Hand a request on; it is sent again until each of *servers* has answered, or is gone."""
    for server in servers:
        turn.send(server, Forward(request))
    waits = {server: turn.peers[server].incarnation for server in servers}
    turn.operations.put(
        request.id, Operation(request=request, at=turn.now, waits=waits, sent_at=turn.now)
    )


# -- carrying it out


def _carry_out(turn: Turn, request: Request) -> None:
    refusal = _begin(turn, request)
    if refusal is not None:
        turn.reply(request, refusal, ok=False)
    elif request.id not in turn.operations:
        turn.reply(request, ok=True)


def _begin(turn: Turn, request: Request) -> Because | None:  # noqa: C901, PLR0912 - one line each
    if suspended := objections.suspended(turn, request.op):
        return suspended
    match request.op:
        case ops.GroupStart(group=group, server=server):
            return intents.start(turn, request, group, server)
        case ops.GroupStop(group=group):
            return intents.stop(turn, request, group)
        case ops.GroupMove(group=group, server=server):
            return intents.move(turn, request, group, server, Event.MOVE)
        case ops.GroupFailover(group=group, server=server):
            return intents.move(turn, request, group, server, Event.FAILOVER)
        case ops.MonitorSuspend(monitor=monitor):
            turn.suspended.put(monitor, True)
            turn.say("rm29", monitor=monitor, server=turn.me)
        case ops.MonitorResume(monitor=monitor):
            turn.suspended.drop(monitor)
            turn.say("rm30", monitor=monitor, server=turn.me)
        case ops.Verification(on=on):
            joining.set_verification(turn, on=on)
        case ops.DummyFailure():
            return _dummy(turn, request.op)
        case ops.ServerStop(then=then):
            _stop_here(turn, request, then, cluster=False)
        case ops.ClusterStop(then=then):
            _stop_here(turn, request, then, cluster=True)
        case ops.ServerStart(server=server, alone=True):
            return _start_alone(turn, server)
        case ops.ServerStart() | ops.ClusterStart():
            start_here(turn, request.op)
        case ops.Acknowledge():
            troubles.acknowledge(turn)
        case ops.ClusterSuspend() | ops.ClusterResume():
            on = isinstance(request.op, ops.ClusterSuspend)
            maintenance.say(turn, maintenance.CLUSTER, on=on)
        case ops.ServerDrain():
            _drain(turn, request.op)
        case ops.ServerExpectFreeze(ms=ms):
            freezing.expect(turn, ms)
        case ops.ServerConfirmDown(server=server):
            return _confirm_down(turn, server, request.by)
        case _:
            return _by_hand(turn, request, request.op)
    return None


def _dummy(turn: Turn, op: ops.DummyFailure) -> Because | None:
    if not turn.verification:
        return messages.because("op9", monitor=op.monitor)
    if not turn.config.monitor_by_name[op.monitor].looks_on(turn.me):
        return messages.because("op10", monitor=op.monitor, server=turn.me)
    turn.say("rm182" if op.on else "rm183", monitor=op.monitor, server=turn.me)
    local = turn.monitors[op.monitor]
    soon = turn.now if local.next_at is not None else None
    turn.monitors.put(op.monitor, attrs.evolve(local, dummy=op.on, next_at=soon))
    return None


def _stop_here(turn: Turn, request: Request, then: FinalAction, *, cluster: bool) -> None:
    how = then if then.ends_machine else None
    if turn.phase is Phase.DYING or (turn.phase is Phase.OFFLINE and how is None):
        return
    if request.id not in turn.operations and turn.phase is not Phase.OFFLINE:
        turn.operations.put(request.id, Operation(request=request, at=turn.now))
    endings.leave(turn, stay=how is None, cluster=cluster, how=how)


def _drain(turn: Turn, op: ops.ServerDrain) -> None:
    maintenance.say(turn, op.server, on=op.on)
    if not op.on:
        joining.want_failback(turn, op.server)


def _by_hand(turn: Turn, request: Request, op: byhand.Op) -> Because | None:
    refusal = byhand.begin(turn, op)
    if refusal is None:
        intents.remember(turn, request, op.group, "")
    return refusal


def start_here(turn: Turn, op: ops.Op) -> None:
    """Join again; a cluster that runs already starts what its configuration says."""
    if turn.phase is Phase.OFFLINE:
        turn.left = False
        turn.say("nm17", server=turn.me)
        turn.do(RaiseBoot(turn.incarnation.boot.counter))
    elif isinstance(op, ops.ClusterStart) and turn.leader() == turn.me:
        joining.begin_cold(turn)


def _confirm_down(turn: Turn, server: str, by: str) -> Because | None:
    """Take an operator's word that *server* has stopped, unless anybody hears it."""
    if server == turn.me or server in turn.up:
        return messages.because("op18", server=server, by=turn.me)
    if heard := evidence.heard_by(turn, server):
        return messages.because("op18", server=server, by=heard)
    turn.say("nm48", server=server, by=by, me=turn.me)
    fencing.confirm(turn, server)
    return None


def _start_alone(turn: Turn, server: str) -> Because | None:
    """Take the operator's word that every server that is not heard has stopped.

    All servers that are heard take it, each about those that it does not hear itself.
    """
    if turn.phase is Phase.OFFLINE:
        return messages.because("op11", server=turn.me) if server == turn.me else None
    silent = [name for name, peer in turn.peers.items() if not peer.up]
    for name in silent:
        if by := evidence.heard_by(turn, name):
            return messages.because("op18", server=name, by=by)
    for name, peer in turn.peers.items():
        if not peer.up and not (peer.evidence and peer.evidence.proven):
            turn.say("nm24", server=name, me=turn.me)
            turn.peers.change(name, evidence=EvidenceKind.OPERATOR)
    turn.alone = True
    turn.sweep()
    return None
