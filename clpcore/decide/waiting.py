"""Groups that wait for other groups: to start after them, to stop after them."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import evidence, holding
from clpcore.decide.turn import Turn
from clpcore.model.members import Group
from clpcore.model.ownership import Wanted
from clpcore.model.reasons import Because
from clpcore.model.state import LocalGroup
from clpcore.model.states import Event

# -- to start


def to_start(turn: Turn, group: Group, server: str) -> Because | None:
    """Tell which group must be online before *group* starts on *server*; None: it can."""
    for other in group.start_after:
        owner = turn.records[other].owner
        online = owner != "" and evidence.online(turn, other, owner)
        elsewhere = group.start_after_same_server and not _comes_to(turn, other, server)
        if not online and not elsewhere:
            return messages.because("rc15", group=group.name, other=other)
    return None


def _comes_to(turn: Turn, group: str, server: str) -> bool:
    """Tell whether *group* is on *server*, or can still start there."""
    record = turn.records[group]
    if record.owner and evidence.lives(turn, record):
        return record.owner == server
    return server in turn.config.homes[group]


def holds_back(turn: Turn, group: Group, server: str) -> bool:
    """Tell whether *group*, wanted on *server*, waits for others; as the leader.

    When the wait has been too long the start is given up, as if an operator had stopped the group.
    """
    waits = to_start(turn, group, server)
    if waits is None:
        turn.waiting.drop(group.name)
        return False
    since = turn.waiting.get(group.name)
    if since is None:
        since = turn.now
        turn.waiting.put(group.name, since)
    until = since + group.start_wait
    if turn.now >= until and evidence.current(turn, group.name):
        turn.waiting.drop(group.name)
        holding.note(turn, group.name, given_up(group, waits))
        holding.want(turn, group.name, Wanted.STOPPED)
    else:
        turn.wake(max(until, turn.now + turn.beat_ms), group.name)
        holding.note(turn, group.name, waits)
    return True


def given_up(group: Group, waits: Because) -> Because:
    """Give the reason why *group* was not started after all."""
    return messages.because("rc17", group=group.name, ms=group.start_wait, reason=waits)


# -- to stop


def holds_up(turn: Turn, group: Group) -> bool:
    """Tell whether *group*, which goes down here, waits with its first resource for others."""
    local = turn.groups[group.name]
    since = local.stop_wait_since
    if since is None:
        return False
    running = [n for n in group.stop_after if _runs(turn, n)] if _heeds(turn, group, local) else []
    until = since + group.stop_wait
    if running and turn.now < until:
        turn.wake(until, group.name)
        holding.note(turn, group.name, messages.because("rc25", group=group.name, other=running[0]))
        return True
    if running:
        turn.say("rc27", group=group.name, other=running[0], ms=group.stop_wait)
    turn.groups.change(group.name, stop_wait_since=None, note=None)
    return False


def _heeds(turn: Turn, group: Group, local: LocalGroup) -> bool:
    """Tell whether it waits at a stop of this kind; never when something has failed."""
    if local.lost or local.blocked:
        return False
    match local.event:
        case Event.CLUSTER_STOP:
            return group.stop_after_at_cluster_stop
        case Event.STOP:
            return group.stop_after_at_group_stop
        case Event.MOVE:
            leaves = turn.ending is not None and turn.ending.because is None
            return leaves and group.stop_after_at_server_stop
        case _:
            return False


def _runs(turn: Turn, group: str) -> bool:
    record = turn.records[group]
    if record.owner == turn.me:
        return evidence.holds(turn, group)
    return record.owner != "" and evidence.lives(turn, record)
