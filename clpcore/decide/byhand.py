"""What operators do to single resources of a group that is up, and to a group where it is.

The server that serves the group decides. A resource that was stopped by hand is parked: it stays
down, and its monitors are quiet, until it is started, or its group is started anew somewhere.
"""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import dependence, evidence, holding
from clpcore.decide.turn import Turn
from clpcore.model import requests as ops
from clpcore.model.members import Group
from clpcore.model.reasons import Because
from clpcore.model.state import Goal, Operation
from clpcore.model.states import Event, Presence

Op = ops.GroupRestart | ops.ResourceStart | ops.ResourceStop | ops.ResourceRestart


def begin(turn: Turn, op: Op) -> Because | None:
    """Begin what was asked for here, or tell why not."""
    group = turn.config.group_by_name[op.group]
    local = turn.groups[op.group]
    if local.goal is not Goal.UP or not local.confirmed:
        return messages.because("op33", group=op.group, server=turn.me)
    if isinstance(op, ops.GroupRestart):
        holding.resume(turn, op.group)
        turn.groups.change(op.group, parked=())
        _bounce(turn, group, tuple(group.by_name))
        return None
    if local.halted is not None:
        return local.halted
    match op:
        case ops.ResourceStart():
            return _start(turn, group, op)
        case ops.ResourceStop():
            return _stop(turn, group, op)
        case ops.ResourceRestart(resource=name):
            if name in local.parked:
                return messages.because("op36", resource=name)
            _bounce(turn, group, dependence.with_dependents(group, name))
    return None


def _stop(turn: Turn, group: Group, op: ops.ResourceStop) -> Because | None:
    names = dependence.with_dependents(group, op.resource)
    parked = turn.groups[group.name].parked
    above = [name for name in names if name != op.resource and name not in parked]
    if above and not op.force:
        return messages.because("op34", resource=op.resource, others=", ".join(above))
    kept = tuple(name for name in group.by_name if name in parked or name in names)
    turn.groups.change(group.name, parked=kept, event=Event.STOP)
    return None


def _start(turn: Turn, group: Group, op: ops.ResourceStart) -> Because | None:
    local = turn.groups[group.name]
    names = dependence.with_needed(group, op.resource) if op.force else (op.resource,)
    needed = dependence.with_needed(group, op.resource)
    missing = [name for name in needed if name in local.parked and name not in names]
    if missing:
        return messages.because("op35", resource=op.resource, others=", ".join(missing))
    for name in names:
        turn.resources.change((group.name, name), tries=0, failure="")
    parked = tuple(name for name in local.parked if name not in names)
    turn.groups.change(group.name, parked=parked, event=Event.START)
    return None


def _bounce(turn: Turn, group: Group, names: tuple[str, ...]) -> None:
    """Let *names* go down and come up again, as a reactivation does."""
    for name in names:
        turn.resources.change((group.name, name), tries=0, failure="")
    before = turn.groups[group.name].bounce
    bounce = tuple(name for name in group.by_name if name in before or name in names)
    turn.groups.change(group.name, bounce=bounce, event=Event.RECOVER)


def note(turn: Turn, group: str) -> Because | None:
    """Tell what an operator has stopped of a group that is up."""
    parked = turn.groups[group].parked
    return messages.because("rc583", resources=", ".join(parked)) if parked else None


def result(turn: Turn, operation: Operation, op: Op) -> tuple[bool, Because | None] | None:
    """Tell how it ended; None while it is on its way."""
    local = turn.groups[op.group]
    if local.epoch != operation.epoch or local.goal is not Goal.UP:
        return False, local.note or messages.because("op17", group=op.group)
    if local.halted is not None:
        return False, local.halted
    names = turn.config.group_by_name[op.group].by_name
    if any(turn.resources[op.group, name].stuck for name in names):
        return False, local.note or messages.because("op16", group=op.group, server=turn.me)
    return (True, None) if _is_done(turn, op) else None


def _is_done(turn: Turn, op: Op) -> bool:
    local = turn.groups[op.group]
    if isinstance(op, ops.ResourceStop):
        down = (turn.resources[op.group, name] for name in local.parked)
        return all(r.presence is Presence.INACTIVE and r.doing is None for r in down)
    return not local.bounce and evidence.active(turn, op.group)
