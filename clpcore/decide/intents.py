"""What operators want of a group: begun here, and waited for until it is so (``pending``).

Each gives why not, or None.
"""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import evidence, fencing, holding, objections, placement, reporting, waiting
from clpcore.decide.turn import Turn
from clpcore.model import requests as ops
from clpcore.model.ownership import Record, Wanted
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.state import Operation
from clpcore.model.states import Event, Shown

_TAKES_AWAY = ops.GroupStop | ops.GroupMove | ops.GroupFailover


def start(turn: Turn, request: Request, group: str, server: str) -> Because | None:
    """Bring *group* online, on *server* if one is named."""
    record = turn.records[group]
    if record.owner and evidence.lives(turn, record):
        return _start_there(turn, request, record, server)
    if record.owner and evidence.proof_about(turn, record.owner, record.boot) is None:
        return fencing.blocked(turn, group, record.owner)
    target, why = _target(turn, group, server, ())
    if not target:
        return why
    waits = waiting.to_start(turn, turn.config.group_by_name[group], target)
    if waits is None:
        remember(turn, request, group, target)
        placement.nominate(turn, group, target, why)
        return None
    refusal = evidence.not_current(turn, group)
    if refusal is None:  # the leader starts it as soon as the others are online
        remember(turn, request, group, target)
        holding.want(turn, group, Wanted.AUTO)
    return refusal


def _start_there(turn: Turn, request: Request, record: Record, server: str) -> Because | None:
    """Start what has a server: refuse, be done, wait, or let it go on there after a failure."""
    group, owner = record.group, record.owner
    state, note = reporting.standing(turn, group, owner)
    elsewhere = server not in ("", owner)
    away = _sent_away(turn, group)
    if state is Shown.OFFLINE_PENDING or away is not None:  # the last word counts
        remember(turn, request, group, server or away or owner)
        at_once = turn.now - placement.PATIENCE_MS  # when it has stopped; an heir needs no word
        due = turn.now if away else at_once
        turn.operations.change(request.id, sent_at=due, recalls=True)
        return None
    if state is not Shown.ERROR and elsewhere:
        return messages.because("op6", group=group, server=owner)
    if state is Shown.ONLINE:
        return None
    if state is not Shown.ERROR:
        remember(turn, request, group, owner)
        return None
    if elsewhere or note is None or note.key != "rc241":
        return note or messages.because("op16", group=group, server=owner)
    remember(turn, request, group, owner, epoch=record.epoch - 1)
    placement.order_retry(turn, group)
    return None


def _sent_away(turn: Turn, group: str) -> str | None:
    """Give to where an order may be on its way that takes *group* from where it is; "": nowhere."""
    pending = (each for _, each in turn.operations.items() if each.group == group)
    return next((each.target for each in pending if isinstance(each.request.op, _TAKES_AWAY)), None)


def stop(turn: Turn, request: Request, group: str) -> Because | None:
    """Take *group* offline, and keep it so."""
    record = turn.records[group]
    if record.owner and evidence.lives(turn, record):
        remember(turn, request, group, "")
        placement.order_stop(turn, group, Event.STOP, stay_stopped=True)
        return None
    refusal = objections.unsure(turn, group)
    if refusal is None:
        remember(turn, request, group, "")
        holding.keep_stopped(turn, group)
    return refusal


def move(turn: Turn, request: Request, group: str, server: str, event: Event) -> Because | None:
    """Bring *group* from where it is online to *server*, or to the next best one."""
    record = turn.records[group]
    if not record.owner or not evidence.lives(turn, record):
        return objections.nowhere(turn, group)
    if server == record.owner:
        return messages.because("op8", group=group, server=server)
    target, why = _target(turn, group, server, (record.owner,))
    if not target:
        return why
    remember(turn, request, group, target)
    key = "rc60" if event is Event.FAILOVER else "rc50"
    turn.say(key, group=group, server=target, previous=record.owner)
    placement.order_stop(turn, group, event, heir=target)
    return None


def _target(turn: Turn, group: str, server: str, without: tuple[str, ...]) -> tuple[str, Because]:
    """Give the server that was named, or the best one, and why; "" and why not."""
    if not server:
        return placement.choose(turn, group, without=without)
    if server not in turn.config.homes[group]:
        return "", messages.because("rc541", server=server, group=group)
    refusal = placement.refusal_of(turn, group, server)
    if refusal is not None:
        return "", refusal
    return server, placement.named(server)


def remember(
    turn: Turn, request: Request, group: str, target: str, *, epoch: int | None = None
) -> None:
    """Wait for the end of it; what was asked of the same group before is overtaken."""
    for key, older in turn.operations.items():
        if older.group == group and not older.waits:
            turn.operations.drop(key)
            turn.reply(older.request, messages.because("op17", group=group), ok=False)
    turn.operations.put(
        request.id,
        Operation(
            request=request,
            at=turn.now,
            group=group,
            target=target,
            epoch=turn.records[group].epoch if epoch is None else epoch,
            sent_at=turn.now,
        ),
    )
