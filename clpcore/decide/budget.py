"""A right that is lost ends in time: orderly, else by SIGKILL, else by a reset (ownership.md 3.1).

``stop_budget`` is what the orderly stop may take, whatever the scripts' own timeouts say.
"""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import endings, evidence
from clpcore.decide.turn import Turn
from clpcore.model.actions import Kill
from clpcore.model.state import LocalResource
from clpcore.model.states import FinalAction, Phase


def settle(turn: Turn, group: str) -> None:
    """Kill what does not stop in time; reset the machine for what is left even then."""
    local = turn.groups[group]
    if local.stop_by is None or turn.phase is Phase.DYING:
        return
    if evidence.idle(turn, group):
        return
    if turn.now < local.stop_by:
        turn.wake(local.stop_by, group)
    elif not local.killed:
        _kill(turn, group)
    else:
        because = messages.because("rc595", group=group, server=turn.me)
        endings.stop_at_once(turn, FinalAction.RESET, turn.repeat(because))


def _kill(turn: Turn, group: str) -> None:
    """Kill every process of it; what its resources are then is asked anew."""
    turn.say("rc594", group=group, server=turn.me, ms=turn.config.stop_budget)
    turn.do(Kill(group=group))
    for name in turn.config.group_by_name[group].by_name:
        turn.running.drop(turn.resources[group, name].action)
        turn.resources.put((group, name), LocalResource())
    by = turn.now + max(1, turn.config.stop_budget // 4)
    turn.groups.put(group, attrs.evolve(turn.groups[group], stop_by=by, killed=True))
    turn.wake(by, group)
