"""What follows when an activation or deactivation has failed (clusterpro.md 3.1)."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import asking, evidence, finals, holding, placement
from clpcore.decide.turn import Turn
from clpcore.model.members import Resource
from clpcore.model.reasons import Because
from clpcore.model.state import Doing, Goal
from clpcore.model.states import Event, FinalAction, Role, Verdict


def of_activation(turn: Turn, group: str, name: str, verdict: Verdict, failed: Because) -> None:
    """Try again, fail over, final action: in this order (clusterpro.md 3.1)."""
    resource = turn.config.group_by_name[group].by_name[name]
    local = turn.resources[group, name]
    again = verdict in (Verdict.FAILED, Verdict.STALLED)
    if again and local.tries <= resource.activation_retry:
        turn.say(
            "rc200", resource=name, server=turn.me, tries=local.tries, max=resource.activation_retry
        )
        return
    used, key = turn.failovers.get(f"{group}/{name}") or 0, f"{group}/{name}"
    if used < resource.activation_failover:
        heir, nobody = placement.choose(turn, group, without=(turn.me,))
        if heir:
            turn.failovers.put(key, used + 1)
            turn.say("rc201", group=group, server=heir, resource=name)
            holding.bring_down(turn, group, Event.FAILOVER, heir=heir, avoid=(turn.me,))
            turn.groups.change(group, note=failed)
            return
        turn.say("rc65", group=group, reason=nobody)
    _final_of_activation(turn, group, name, resource.activation_final_action)


def _final_of_activation(turn: Turn, group: str, name: str, how: FinalAction) -> None:
    if how is FinalAction.CONTINUE:
        turn.resources.change((group, name), tries=turn.resources[group, name].tries + 1)
        turn.say("rc240", resource=name, server=turn.me)
        say_online(turn, group)
        return
    because = messages.because(
        "rc241",
        resource=name,
        server=turn.me,
        action=how.value,
        reason=turn.resources[group, name].failure,
    )
    turn.repeat(because)
    turn.groups.change(group, halted=because)
    its = turn.config.group_by_name[group]
    finals.begin(turn, asking.call(turn, its, name, Role.ACTIVE), Doing.ACTIVATE)


def of_deactivation(turn: Turn, group: str, resource: Resource) -> None:
    """Try again, then trust nothing here any more: a stop that failed never releases (R3)."""
    local = turn.resources[group, resource.name]
    if local.stops <= resource.deactivation_retry:
        turn.say(
            "rc220",
            resource=resource.name,
            server=turn.me,
            tries=local.stops,
            max=resource.deactivation_retry,
        )
        return
    turn.resources.change((group, resource.name), stuck=True)
    because = turn.repeat(finals.stuck(turn, group, resource.name))
    turn.groups.change(group, note=because)
    if resource.deactivation_final_action is not FinalAction.CONTINUE:
        its = turn.config.group_by_name[group]
        finals.begin(turn, asking.call(turn, its, resource.name, Role.ACTIVE), Doing.DEACTIVATE)


def say_online(turn: Turn, group: str) -> None:
    """Say so when all of *group* is up, as far as it may be."""
    local = turn.groups[group]
    if local.goal is Goal.UP and not local.bounce and evidence.active(turn, group):
        turn.say("rc11", group=group, server=turn.me, epoch=local.epoch)
        turn.groups.change(group, note=None)
