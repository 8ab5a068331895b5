"""What speaks against a request before anything is done for it."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import byhand, evidence, fencing, maintenance, reporting
from clpcore.decide.turn import Turn
from clpcore.model import requests as ops
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.states import Shown

# Of these some cannot be done while the cluster is suspended, and others would be undone unseen.
_NOT_SUSPENDED = (
    ops.GroupStart | ops.GroupStop | ops.GroupMove | ops.GroupFailover | ops.ServerStop | byhand.Op
)


def suspended(turn: Turn, op: ops.Op) -> Because | None:
    """Tell whether *op* must wait for the end of a suspension."""
    drains = isinstance(op, ops.ServerDrain) and op.on
    if maintenance.suspended(turn) and (drains or isinstance(op, _NOT_SUSPENDED)):
        return messages.because("op31")
    return None


def unknown_name(turn: Turn, request: Request) -> Because | None:
    """Tell which name in a request is none of the configuration."""
    op, config = request.op, turn.config
    kinds = (("group", config.group_by_name), ("monitor", config.monitor_by_name))
    for kind, known in (*kinds, ("server", config.server_by_name)):
        name = getattr(op, kind, "")
        if name and name not in known:
            return messages.because("op2", kind=kind, name=name, known=", ".join(known))
    if isinstance(op, ops.ResourceStart | ops.ResourceStop | ops.ResourceRestart):
        its = config.group_by_name[op.group].by_name
        if op.resource not in its:
            names = ", ".join(its)
            return messages.because("op2", kind="resource", name=op.resource, known=names)
    return None


def on_its_way(turn: Turn, request: Request) -> Because | None:
    """Give what speaks against suspending: it would leave a group half up."""
    if request.origin != turn.me:
        return None  # it was looked at where the operator asked
    for group, record in turn.records.items():
        if record.owner and evidence.lives(turn, record):
            state, _ = reporting.standing(turn, group, record.owner)
            if state in (Shown.ONLINE_PENDING, Shown.OFFLINE_PENDING):
                return messages.because("op30", group=group, state=state.value)
    return None


def unsure(turn: Turn, group: str) -> Because | None:
    """Tell why *group*, which no server that is heard serves, may be served all the same."""
    record = turn.records[group]
    if record.owner and evidence.proof_about(turn, record.owner, record.boot) is None:
        return fencing.blocked(turn, group, record.owner)
    return evidence.not_current(turn, group)


def nowhere(turn: Turn, group: str) -> Because:
    """Tell that *group* is online nowhere, or why that is not known."""
    return unsure(turn, group) or messages.because("op7", group=group)
