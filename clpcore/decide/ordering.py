"""In which order resources go up and down, and what happens when one fails.

Level by level, from what is known now, never from a plan: an answer that comes late, or a probe
that says something else than expected, only changes what is right to do next.
"""

from __future__ import annotations

from clpcore.decide import (
    asking,
    evidence,
    failures,
    finals,
    holding,
    hooks,
    maintenance,
    session,
    waiting,
)
from clpcore.decide.turn import Turn
from clpcore.model.actions import Activate, Deactivate, Probe
from clpcore.model.hooks import HookPoint
from clpcore.model.inputs import Outcome
from clpcore.model.members import Group
from clpcore.model.state import Doing, Goal, LocalGroup, Underway
from clpcore.model.states import Event, FinalAction, Phase, Presence, Role, Verdict

PROBE_AGAIN_MS = 5_000
ANSWER_LATE_MS = 10_000  # beyond what the runtime may take: the timeout, then that of a probe

# -- consequences


def settle(turn: Turn, group: Group) -> None:
    """Ask for every probe, activation and deactivation that is right now."""
    local = turn.groups[group.name]
    if local.goal is Goal.NONE:
        _settle_unheld(turn, group)
    elif local.goal is Goal.DOWN:
        _go_down(turn, group)
    elif local.halted is None and turn.phase is not Phase.DYING:
        _go_up(turn, group, local)


def _settle_unheld(turn: Turn, group: Group) -> None:
    """Probe what is unknown; what runs here without the right to is deactivated."""
    for name in group.by_name:
        resource = turn.resources[group.name, name]
        if resource.doing is not None or resource.presence is Presence.INACTIVE:
            continue
        if resource.presence is Presence.UNKNOWN:
            _probe(turn, group, name)
        elif not evidence.current(turn, group.name):
            continue  # perhaps the journal was lost and the service is mine: learn first
        elif not resource.stuck and turn.groups[group.name].goal is Goal.NONE:
            turn.say("rc550", group=group.name, resource=name, server=turn.me)
            turn.groups.change(group.name, goal=Goal.DOWN, event=Event.STOP)
    if turn.groups[group.name].goal is Goal.DOWN:
        _go_down(turn, group)


def _probe(turn: Turn, group: Group, name: str) -> None:
    resource = turn.resources[group.name, name]
    if resource.probed_at is not None and turn.now < resource.probed_at + PROBE_AGAIN_MS:
        turn.wake(resource.probed_at + PROBE_AGAIN_MS, group.name)
        return
    _begin(turn, group, name, Doing.PROBE)


def _go_up(turn: Turn, group: Group, local: LocalGroup) -> None:
    suspended = maintenance.suspended(turn)
    if local.bounce:
        if not suspended:
            _bounce(turn, group, local)
        return
    _park(turn, group, local)
    for name, needed in group.by_name.items():
        resource = turn.resources[group.name, name]
        if resource.doing is not None or resource.presence is Presence.ACTIVE or resource.stuck:
            continue
        is_tried = resource.tries > 0 and name not in local.parked
        if resource.presence is Presence.UNKNOWN and not is_tried:
            _probe(turn, group, name)
        elif suspended or not _may_begin(turn, group, local, name):
            continue
        elif resource.presence is Presence.INACTIVE:
            if not evidence.passed(needed, resource):
                _begin(turn, group, name, Doing.ACTIVATE)
        else:
            _begin(turn, group, name, Doing.DEACTIVATE)


def _may_begin(turn: Turn, group: Group, local: LocalGroup, name: str) -> bool:
    """Tell whether *name* is wanted, and all that it needs is there."""
    if not local.confirmed or name in local.parked or not session.good(turn):
        return False
    return _settled(turn, group, group.by_name[name].depends_on)


def _park(turn: Turn, group: Group, local: LocalGroup) -> None:
    """Take down what an operator has stopped, once it is known how it is."""
    known = (turn.resources[group.name, name].presence for name in local.parked)
    if Presence.UNKNOWN not in known:
        _take_down(turn, group, local.parked)


def _settled(turn: Turn, group: Group, wants: tuple[str, ...]) -> bool:
    return all(
        turn.resources[group.name, name].presence is Presence.ACTIVE
        or evidence.passed(group.by_name[name], turn.resources[group.name, name])
        for name in wants
    )


def _bounce(turn: Turn, group: Group, local: LocalGroup) -> None:
    """A reactivation: down with the target and all that needs it, once; then up again."""
    if _take_down(turn, group, local.bounce):
        turn.groups.change(group.name, bounce=())
        _go_up(turn, group, turn.groups[group.name])


def _go_down(turn: Turn, group: Group) -> None:
    if waiting.holds_up(turn, group):
        return
    if _take_down(turn, group, tuple(group.by_name)):
        _is_down(turn, group.name)


def _take_down(turn: Turn, group: Group, names: tuple[str, ...]) -> bool:
    """Deactivate *names*, dependents first; True when all of them are down."""
    above = group.dependents
    down = True
    for name in names:
        resource = turn.resources[group.name, name]
        if resource.presence is Presence.INACTIVE and resource.doing is None:
            continue
        down = False
        if resource.doing is not None or resource.stuck:
            continue
        if all(_out_of_the_way(turn, group, n) for n in above[name]):
            _begin(turn, group, name, Doing.DEACTIVATE)
    return down


def _out_of_the_way(turn: Turn, group: Group, name: str) -> bool:
    local = turn.resources[group.name, name]
    if local.presence is Presence.INACTIVE:
        return local.doing is None
    goes_on = group.by_name[name].deactivation_final_action is FinalAction.CONTINUE
    return local.stuck and goes_on


def _is_down(turn: Turn, group: str) -> None:
    local = turn.groups[group]
    for name in turn.config.group_by_name[group].by_name:
        turn.resources.change((group, name), tries=0, stops=0, failure="")
    if local.epoch == 0:
        turn.groups.put(group, LocalGroup(note=local.note))
        return
    turn.say("rc21", group=group, server=turn.me)
    if local.lost:
        holding.let_go(turn, group)
    else:
        holding.release(turn, group)


# -- calls


def _begin(turn: Turn, group: Group, name: str, doing: Doing) -> None:
    if not _run_hook(turn, group, name, doing, hooks.BEFORE.get(doing)):
        _call_driver(turn, group, name, doing)


def _run_hook(turn: Turn, group: Group, name: str, doing: Doing, at: HookPoint | None) -> bool:
    """Let the script of *at* run; False if there is none."""
    if at not in group.by_name[name].hooks:
        return False
    number = hooks.run(turn, at, asking.call(turn, group, name, Role.ACTIVE))
    turn.resources.change((group.name, name), doing=doing, hook=at, action=number)
    return True


def _call_driver(turn: Turn, group: Group, name: str, doing: Doing) -> None:
    resource, number = group.by_name[name], turn.number()
    role = Role.STANDBY if doing is Doing.PROBE else Role.ACTIVE
    why = asking.call(turn, group, name, role)
    patience = resource.probe_timeout + ANSWER_LATE_MS
    if doing is Doing.PROBE:
        turn.do(Probe(id=number, call=why, timeout=resource.probe_timeout))
    elif doing is Doing.ACTIVATE:
        turn.say("rc30", resource=name, group=group.name, server=turn.me, event=why.event.value)
        turn.do(Activate(id=number, call=why, timeout=resource.activate_timeout))
        patience += resource.activate_timeout
    else:
        turn.say("rc40", resource=name, group=group.name, server=turn.me, event=why.event.value)
        turn.do(Deactivate(id=number, call=why, timeout=resource.deactivate_timeout))
        patience += resource.deactivate_timeout
    turn.running.put(number, Underway(group.name, name, turn.now + patience))
    turn.resources.change((group.name, name), doing=doing, hook=None, action=number)


def take_done(turn: Turn, group: str, name: str, action: int, outcome: Outcome) -> None:
    """Note how a call ended; one that is not the resource's own any more is dropped."""
    resource = turn.resources[group, name]
    if resource.action != action or resource.doing is None:
        return
    doing = resource.doing
    if resource.hook is not None:
        hooks.take_end(turn, resource.hook, name, outcome)
        if resource.hook is hooks.BEFORE.get(doing):
            _go_on(turn, turn.config.group_by_name[group], name, doing)
            return
        if resource.hook is HookPoint.BEFORE_FINAL_ACTION:
            _go_on_to_final(turn, group, name, doing)
            return
        outcome = Outcome(verdict=Verdict.OK)  # the driver had said so
    elif outcome.verdict is Verdict.OK and _run_hook(
        turn, turn.config.group_by_name[group], name, doing, hooks.AFTER.get(doing)
    ):
        return
    turn.resources.change((group, name), doing=None, hook=None, action=0)
    if doing is Doing.PROBE:
        _probed(turn, group, name, outcome)
    elif doing is Doing.ACTIVATE:
        _activated(turn, group, name, outcome)
    else:
        _deactivated(turn, group, name, outcome)


def _go_on(turn: Turn, group: Group, name: str, doing: Doing) -> None:
    """Call the driver after its script, unless what is to go up shall not any more."""
    local = turn.groups[group.name]
    if doing is Doing.ACTIVATE and (local.goal is not Goal.UP or turn.phase is Phase.DYING):
        turn.resources.change((group.name, name), doing=None, hook=None, action=0)
    else:
        _call_driver(turn, group, name, doing)


def _go_on_to_final(turn: Turn, group: str, name: str, doing: Doing) -> None:
    turn.resources.change((group, name), doing=None, hook=None, action=0)
    finals.take(turn, group, name, doing)


def forget_call(turn: Turn, group: str, name: str, action: int) -> None:
    """Begin again from what a probe says: how this call ended is not known."""
    resource = turn.resources[group, name]
    if resource.action != action:
        return
    if resource.hook is HookPoint.BEFORE_FINAL_ACTION and resource.doing is not None:
        _go_on_to_final(turn, group, name, resource.doing)
    else:
        turn.resources.change(
            (group, name), presence=Presence.UNKNOWN, doing=None, hook=None, action=0
        )


def _probed(turn: Turn, group: str, name: str, outcome: Outcome) -> None:
    presence = outcome.presence if outcome.verdict is Verdict.OK else None
    if presence is None or presence is Presence.UNKNOWN:
        failure = outcome.detail or "no answer"
        if turn.resources[group, name].failure != failure:
            turn.say("rc551", resource=name, server=turn.me, reason=failure)
        turn.resources.change(
            (group, name), presence=Presence.UNKNOWN, failure=failure, probed_at=turn.now
        )
        return
    turn.resources.change((group, name), presence=presence, failure="", probed_at=turn.now)
    right = evidence.holds(turn, group) or evidence.current(turn, group)
    if presence is not Presence.INACTIVE and not right:
        turn.say("rc552", resource=name, server=turn.me)


def _activated(turn: Turn, group: str, name: str, outcome: Outcome) -> None:
    if outcome.verdict is Verdict.OK:
        turn.resources.change(
            (group, name), presence=Presence.ACTIVE, tries=0, failure="", probed_at=turn.now
        )
        turn.failovers.drop(f"{group}/{name}")
        turn.say("rc31", resource=name, group=group, server=turn.me)
        failures.say_online(turn, group)
        return
    resource = turn.resources.change(
        (group, name),
        presence=outcome.presence or Presence.UNKNOWN,
        tries=turn.resources[group, name].tries + 1,
        failure=_why(outcome),
    )
    failed = turn.say("rc32", resource=name, group=group, server=turn.me, reason=resource.failure)
    if turn.groups[group].goal is Goal.UP:
        failures.of_activation(turn, group, name, outcome.verdict, failed)


def _why(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.STALLED:
        return outcome.detail or "no answer in time"
    return outcome.detail or outcome.verdict.value


def _deactivated(turn: Turn, group: str, name: str, outcome: Outcome) -> None:
    if outcome.verdict is Verdict.OK:
        local = turn.resources[group, name]
        turn.resources.change(
            (group, name),
            presence=Presence.INACTIVE,
            stuck=False,
            stops=0,
            failure=local.failure if local.tries else "",  # why it could not be activated
            probed_at=turn.now,
        )
        turn.say("rc41", resource=name, group=group, server=turn.me)
        return
    local = turn.resources.change(
        (group, name),
        presence=outcome.presence or Presence.UNKNOWN,
        stops=turn.resources[group, name].stops + 1,
        failure=_why(outcome),
        probed_at=turn.now,
    )
    turn.say("rc42", resource=name, group=group, server=turn.me, reason=local.failure)
    failures.of_deactivation(turn, group, turn.config.group_by_name[group].by_name[name])
