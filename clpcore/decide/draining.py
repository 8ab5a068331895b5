"""How a server that is taken out of service becomes empty: its groups move away, one by one.

Nothing is stopped for it that cannot run elsewhere: such a group stays, and the operator hears why.
"""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import evidence, maintenance, placement, reporting
from clpcore.decide.turn import Turn
from clpcore.model.members import Group
from clpcore.model.ownership import Record
from clpcore.model.reasons import Because
from clpcore.model.state import Nomination, Operation
from clpcore.model.states import Event, Phase, Shown


def settle(turn: Turn, group: Group) -> None:
    """Move *group* away from a drained server, as the leader."""
    if turn.phase is not Phase.ONLINE or turn.ending is not None or turn.leader() != turn.me:
        return
    record = turn.records[group.name]
    if not maintenance.drained(turn, record.owner) or not evidence.lives(turn, record):
        return
    ordered = turn.nominated.get(group.name)
    if ordered is not None and ordered.epoch == record.epoch:
        if turn.now < ordered.at + placement.PATIENCE_MS:
            turn.wake(ordered.at + placement.PATIENCE_MS, group.name)
            return
    else:
        ordered = None
    if not _can_be_moved(turn, record):
        return
    heir, _ = placement.choose(turn, group.name, without=(record.owner,))
    if not heir:
        return
    if ordered is None or ordered.server != heir:
        turn.say("rc582", group=group.name, previous=record.owner, server=heir)
    order = Nomination(server=heir, epoch=record.epoch, at=turn.now)
    turn.nominated.put(group.name, order)
    turn.wake(turn.now + placement.PATIENCE_MS, group.name)
    placement.order_stop(turn, group.name, Event.MOVE, heir=heir)


def _can_be_moved(turn: Turn, record: Record) -> bool:
    """Tell whether it is at rest: online, or left half up after a failed activation."""
    state, note = reporting.standing(turn, record.group, record.owner)
    halted = state is Shown.ERROR and note is not None and note.key == "rc241"
    return state is Shown.ONLINE or halted


def result(turn: Turn, operation: Operation, server: str) -> tuple[bool, Because | None] | None:
    """Tell how draining *server* ended; None while groups are still on their way."""
    stay = [
        record
        for _, record in turn.records.items()
        if record.owner == server and evidence.lives(turn, record)
    ]
    if not maintenance.drained(turn, server):
        return False, messages.because("nm31", server=server)
    if not stay:
        return True, None
    patience = operation.at + placement.PATIENCE_MS  # what others report may be from before
    if turn.now < patience:
        turn.wake(patience)
        return None
    reasons = ((record, _why_it_stays(turn, record)) for record in stay)
    for record, why in reasons:
        if why is not None:
            return False, messages.because("op32", server=server, group=record.group, reason=why)
    return None


def _why_it_stays(turn: Turn, record: Record) -> Because | None:
    """Tell what keeps a group on its drained server; None: it is on its way, or about to be."""
    state, note = reporting.standing(turn, record.group, record.owner)
    if _can_be_moved(turn, record):
        heir, nobody = placement.choose(turn, record.group, without=(record.owner,))
        return None if heir else nobody
    if state is not Shown.ERROR:
        return None
    return note or messages.because("op16", group=record.group, server=record.owner)
