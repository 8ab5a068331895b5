"""The final action after an activation or deactivation that failed, and the script before it."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import endings, hooks
from clpcore.decide.turn import Turn
from clpcore.model.actions import Call
from clpcore.model.hooks import HookPoint
from clpcore.model.reasons import Because
from clpcore.model.state import Doing, Goal
from clpcore.model.states import FinalAction


def begin(turn: Turn, why: Call, doing: Doing) -> None:
    """Let the operator's script run, if there is one, then take the final action."""
    resource = turn.config.group_by_name[why.group].by_name[why.resource]
    if HookPoint.BEFORE_FINAL_ACTION not in resource.hooks:
        take(turn, why.group, why.resource, doing)
        return
    number = hooks.run(turn, HookPoint.BEFORE_FINAL_ACTION, why)
    turn.resources.change(
        (why.group, why.resource), doing=doing, hook=HookPoint.BEFORE_FINAL_ACTION, action=number
    )


def take(turn: Turn, group: str, name: str, doing: Doing) -> None:
    """Take it, unless what failed is not wanted any more: an operator may have come between."""
    resource = turn.config.group_by_name[group].by_name[name]
    because: Because | None = None
    if doing is Doing.DEACTIVATE:
        how = resource.deactivation_final_action
        if turn.resources[group, name].stuck:
            because = stuck(turn, group, name)
    else:
        how = resource.activation_final_action
        if turn.groups[group].goal is Goal.UP:
            because = turn.groups[group].halted
    if because is not None and how is not FinalAction.NONE:
        endings.final(turn, (group,), how, because)


def stuck(turn: Turn, group: str, name: str) -> Because:
    """Give the sentence about a resource that could not be deactivated."""
    how = turn.config.group_by_name[group].by_name[name].deactivation_final_action
    failure = turn.resources[group, name].failure
    return messages.because(
        "rc224", resource=name, server=turn.me, action=how.value, reason=failure
    )
