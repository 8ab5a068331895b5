"""Operators' own scripts around activations and deactivations, before rungs and final actions.

They are asked for only where there is one. One that fails, or does not end in time, is told, and
what it stood before goes on: no script keeps a service down, or up.
"""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.decide.turn import Turn
from clpcore.model.actions import Call, Hook
from clpcore.model.hooks import HookPoint
from clpcore.model.inputs import Outcome
from clpcore.model.state import Doing, Underway
from clpcore.model.states import Event, Verdict

_LATE_MS: Final = 10_000  # beyond its timeout; then its outcome counts as lost

BEFORE: Final = {
    Doing.ACTIVATE: HookPoint.BEFORE_ACTIVATION,
    Doing.DEACTIVATE: HookPoint.BEFORE_DEACTIVATION,
}
AFTER: Final = {
    Doing.ACTIVATE: HookPoint.AFTER_ACTIVATION,
    Doing.DEACTIVATE: HookPoint.AFTER_DEACTIVATION,
}

_EVENTS: Final = {  # of a monitor's: why what comes next comes
    HookPoint.BEFORE_REACTIVATION: Event.RECOVER,
    HookPoint.BEFORE_FAILOVER: Event.FAILOVER,
    HookPoint.BEFORE_FINAL_ACTION: Event.RECOVER,
}


def run(turn: Turn, at: HookPoint, why: Call) -> int:
    """Ask for the script of *at*, of the monitor or else the resource of *why*; give the id."""
    if why.monitor:
        why = attrs.evolve(why, event=_EVENTS[at])
    number, timeout = turn.number(), turn.config.hook_timeout
    turn.do(Hook(id=number, call=why, at=at, timeout=timeout))
    group, name = ("", why.monitor) if why.monitor else (why.group, why.resource)
    turn.say("rc586", script=at.file, name=name, server=turn.me)
    turn.running.put(number, Underway(group, name, turn.now + timeout + _LATE_MS))
    return number


def take_end(turn: Turn, at: HookPoint, name: str, outcome: Outcome) -> None:
    """Tell of a script that failed."""
    if outcome.verdict is not Verdict.OK:
        reason = outcome.detail or outcome.verdict.value
        turn.say("rc585", script=at.file, name=name, server=turn.me, reason=reason)
