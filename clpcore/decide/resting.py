"""Monitors that keep something running between their looks are told when these end.

It may last a moment or fail: nothing waits for it but the monitor's next look, and the good-bye.
"""

from __future__ import annotations

from typing import Final

from clpcore.decide import ordering
from clpcore.decide.turn import Turn
from clpcore.model.actions import Call, Rest
from clpcore.model.inputs import Outcome
from clpcore.model.members import Monitor
from clpcore.model.state import Matter, Underway
from clpcore.model.states import Phase, Presence, Shown, Verdict

_TIME_MS: Final = 30_000  # what a TERM, a wait and a KILL take at most


def tell(turn: Turn, monitor: Monitor, why: Call) -> None:
    """Tell a monitor once that it does not look any more."""
    local = turn.monitors[monitor.name]
    early = local.state is not Shown.SUSPEND and _is_early(turn, monitor)
    if local.keeps and not local.resting and not early:
        number = turn.number()
        turn.do(Rest(id=number, call=why, timeout=_TIME_MS))
        late = turn.now + _TIME_MS + ordering.ANSWER_LATE_MS
        turn.running.put(number, Underway("", monitor.name, late, matter=Matter.REST))
        turn.monitors.change(monitor.name, keeps=False, resting=number)


def _is_early(turn: Turn, monitor: Monitor) -> bool:
    """Tell whether this agent has just started, and *monitor* may look on in a moment."""
    if monitor.target:
        return turn.resources[monitor.group, monitor.target].presence is Presence.UNKNOWN
    return turn.phase not in (Phase.ONLINE, Phase.LEAVING, Phase.OFFLINE)


def take_done(turn: Turn, name: str, action: int, outcome: Outcome) -> None:
    """Take how it ended."""
    if turn.monitors[name].resting == action:
        turn.monitors.change(name, resting=0)
        if outcome.verdict is not Verdict.OK:
            reason = outcome.detail or outcome.verdict.value
            turn.say("rm53", monitor=name, server=turn.me, reason=reason)


def under_way(turn: Turn) -> bool:
    """Tell whether a monitor here still ends what it has kept running."""
    return any(turn.monitors[each.name].resting for each in turn.config.monitors if each.keeps)
