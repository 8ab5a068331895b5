"""Why and where drivers are called; the calls of NP resolution, forced stop and arbiter."""

from __future__ import annotations

from typing import Final

from clpcore.decide.turn import Turn
from clpcore.model.actions import Arbitrate, AskNp, Call, CanFence, Fence
from clpcore.model.members import Group
from clpcore.model.state import Matter, Underway
from clpcore.model.states import Event, Role

_LATE_MS: Final = 10_000  # beyond its timeout; then its outcome counts as lost


def call(turn: Turn, group: Group, resource: str, role: Role, monitor: str = "") -> Call:
    """Give why and where a driver of *group* is called."""
    local = turn.groups[group.name]
    return Call(
        event=local.event,
        role=role,
        epoch=local.epoch,
        server=turn.me,
        home=turn.config.homes[group.name][0],
        previous=turn.records[group.name].previous,
        group=group.name,
        resource=resource,
        monitor=monitor,
        lost=local.lost or local.stop_by is not None,
    )


def about(turn: Turn, *, entry: str, victim: str = "", group: str = "", epoch: int = 0) -> Call:
    """Give who asks, and about what."""
    return Call(
        event=Event.START,
        role=Role.ACTIVE,
        epoch=epoch,
        server=turn.me,
        home="",
        previous="",
        group=group,
        resource="",
        entry=entry,
        victim=victim,
    )


def begin(
    turn: Turn, action: AskNp | CanFence | Fence | Arbitrate, matter: Matter, name: str
) -> None:
    """Ask, and remember whom the answer concerns."""
    late = turn.now + action.timeout + _LATE_MS
    turn.running.put(action.id, Underway("", name, late, matter=matter))
    turn.do(action)
