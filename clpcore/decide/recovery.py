"""Monitors and the recovery ladder: reactivations, failovers, the final action."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import endings, evidence, holding, ordering, placement
from clpcore.decide.turn import Turn
from clpcore.model.actions import Observe
from clpcore.model.config import Group, Monitor
from clpcore.model.inputs import Observation, Outcome, ProcessEnded
from clpcore.model.kept import Rungs
from clpcore.model.state import Goal, LocalMonitor, Underway
from clpcore.model.states import (
    Event,
    FinalAction,
    Health,
    Presence,
    Role,
    Shown,
    Timing,
    Verdict,
)

# -- when to look


def role_of(turn: Turn, monitor: Monitor) -> Role | None:
    """Tell on which side *monitor* looks here now; None: not at all."""
    group = turn.groups.get(monitor.group)
    if group is None or not monitor.looks_on(turn.me):
        return None
    target = turn.resources[monitor.group, monitor.target]
    if target.doing is not None or group.bounce:
        return None
    if target.presence is Presence.ACTIVE and group.goal is Goal.UP:
        return Role.ACTIVE
    idle = target.presence is Presence.INACTIVE and group.goal is Goal.NONE
    if idle and monitor.timing is Timing.ALWAYS and not evidence.holds(turn, monitor.group):
        return Role.STANDBY
    return None


def settle(turn: Turn, group: str) -> None:
    """Look where it is time to."""
    for monitor in turn.config.monitors_of[group]:
        local = turn.monitors[monitor.name]
        role = role_of(turn, monitor)
        if role is None or monitor.name in turn.suspended:
            _rest(turn, monitor, local)
            continue
        if local.state in (Shown.OFFLINE, Shown.SUSPEND):
            local = turn.monitors.change(
                monitor.name,
                state=Shown.UNKNOWN,
                detail="",
                errors=0,
                next_at=turn.now + monitor.start_delay,
                normal_since=None,
            )
        _look_if_due(turn, monitor, local, role)


def _rest(turn: Turn, monitor: Monitor, local: LocalMonitor) -> None:
    suspended = monitor.name in turn.suspended
    state = Shown.SUSPEND if suspended else Shown.OFFLINE
    if local.state is not state or local.action:
        turn.running.drop(local.action)
        turn.monitors.change(
            monitor.name, state=state, detail="", errors=0, next_at=None, action=0, again=False
        )


def _look_if_due(turn: Turn, monitor: Monitor, local: LocalMonitor, role: Role) -> None:
    if local.action or local.next_at is None:
        return
    if turn.now < local.next_at:
        turn.wake(local.next_at, monitor.group)
        return
    if local.dummy and turn.verification:
        _judge(turn, monitor, role, Observation(Health.ERROR, "dummy failure", certain=True))
        return
    number = turn.number()
    group = turn.config.group_by_name[monitor.group]
    why = ordering.call(turn, group, monitor.target, role, monitor.name)
    turn.do(Observe(id=number, call=why, timeout=monitor.timeout))
    late = turn.now + monitor.timeout + ordering.ANSWER_LATE_MS
    turn.running.put(number, Underway("", monitor.name, late))
    turn.monitors.change(monitor.name, action=number, again=False)


def take_process_end(turn: Turn, ended: ProcessEnded) -> None:
    """A process of a resource ended: its monitors look at once, not at their next interval."""
    resource = turn.resources.get((ended.group, ended.resource))
    if resource is None or resource.doing is not None:
        return  # an end in the middle of a call is the call's business
    turn.say("rm140", resource=ended.resource, process=ended.process, pid=ended.pid)
    for monitor in turn.config.monitors_of[ended.group]:
        if monitor.target == ended.resource:
            local = turn.monitors[monitor.name]
            if local.action:
                turn.monitors.change(monitor.name, again=True)
            elif local.next_at is not None:
                turn.monitors.change(monitor.name, next_at=turn.now)


# -- what a look says


def take_observation(turn: Turn, name: str, action: int, outcome: Outcome) -> None:
    """Judge one look; a look that its monitor does not wait for any more is dropped."""
    monitor, local = turn.config.monitor_by_name[name], turn.monitors[name]
    if local.action != action:
        return
    turn.monitors.change(name, action=0)
    role = role_of(turn, monitor)
    if role is not None:
        _judge(turn, monitor, role, _seen(outcome))


def forget_look(turn: Turn, name: str, action: int) -> None:
    """Look again at the next interval: what this look saw is not known."""
    if turn.monitors[name].action == action:
        interval = turn.config.monitor_by_name[name].interval
        turn.monitors.change(name, action=0, next_at=turn.now + interval)


def _seen(outcome: Outcome) -> Observation:
    """Read an outcome as an observation.

    A look that stalls is an error that retries forgive: what does not answer does not serve, and
    no rung of the ladder is unsafe. A monitor that fails by itself says nothing of its target.
    """
    if outcome.verdict is Verdict.STALLED:
        return Observation(Health.ERROR, outcome.detail or "no answer in time")
    if outcome.verdict is not Verdict.OK or outcome.observation is None:
        return Observation(Health.WARNING, outcome.detail or "the monitor itself failed")
    return outcome.observation


def _judge(turn: Turn, monitor: Monitor, role: Role, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    wait = 0 if local.again else monitor.interval
    turn.monitors.change(monitor.name, next_at=turn.now + wait, again=False)
    if seen.health is Health.NORMAL:
        _normal(turn, monitor, role, seen)
    elif seen.health is Health.ERROR:
        _error(turn, monitor, role, seen)
    else:
        _caution(turn, monitor, seen)


def _normal(turn: Turn, monitor: Monitor, role: Role, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    climbed = role is Role.ACTIVE and monitor.name in turn.rungs
    if local.state in (Shown.ERROR, Shown.CAUTION) or (local.state is Shown.UNKNOWN and climbed):
        turn.say("rm26", monitor=monitor.name, server=turn.me)
        _forget_note(turn, monitor.group)
    since = local.normal_since if local.normal_since is not None else turn.now
    turn.monitors.change(
        monitor.name, state=Shown.NORMAL, detail=seen.sentence, errors=0, normal_since=since
    )
    # Nobody listens where nobody must: that says nothing of the service, and forgives nothing.
    if role is Role.ACTIVE and turn.now - since >= monitor.reset_after:
        turn.rungs.drop(monitor.name)


def _forget_note(turn: Turn, group: str) -> None:
    """The monitor had found no server to fail over to; now none is needed."""
    note = turn.groups[group].note
    if note is not None and note.key == "rc65":
        turn.groups.change(group, note=None)


def _caution(turn: Turn, monitor: Monitor, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    if local.state is not Shown.CAUTION or local.detail != seen.sentence:
        turn.say("rm4", monitor=monitor.name, server=turn.me, reason=seen.sentence)
    turn.monitors.change(
        monitor.name, state=Shown.CAUTION, detail=seen.sentence, errors=0, normal_since=None
    )


def _error(turn: Turn, monitor: Monitor, role: Role, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    errors = local.errors + 1
    turn.monitors.change(monitor.name, errors=errors, detail=seen.sentence, normal_since=None)
    if errors <= monitor.retry and not seen.certain:
        turn.say(
            "rm50",
            monitor=monitor.name,
            server=turn.me,
            reason=seen.sentence,
            errors=errors,
            retry=monitor.retry,
        )
        return
    if role is Role.STANDBY:
        if local.state is not Shown.CAUTION:
            turn.say("rm51", monitor=monitor.name, server=turn.me, reason=seen.sentence)
        turn.monitors.change(monitor.name, state=Shown.CAUTION)
        return
    if local.state is not Shown.ERROR:
        turn.say("rm9", monitor=monitor.name, server=turn.me, reason=seen.sentence)
    turn.monitors.change(monitor.name, state=Shown.ERROR)
    _climb(turn, monitor)


# -- the ladder


def _climb(turn: Turn, monitor: Monitor) -> None:
    """Take the next rung: reactivation, failover, final action (clusterpro.md 4.2)."""
    local = turn.groups[monitor.group]
    if local.goal is not Goal.UP or not local.confirmed or local.halted is not None:
        return
    rungs = turn.rungs.get(monitor.name) or Rungs()
    if rungs.reactivations < monitor.max_reactivations:
        turn.rungs.put(monitor.name, attrs.evolve(rungs, reactivations=rungs.reactivations + 1))
        _reactivate(turn, monitor, rungs.reactivations + 1)
    elif rungs.failovers < monitor.max_failovers and _fail_over(turn, monitor, rungs):
        pass
    elif not rungs.final:
        turn.rungs.put(monitor.name, attrs.evolve(rungs, final=True))
        because = turn.say(
            "rm15", monitor=monitor.name, server=turn.me, action=monitor.final_action.value
        )
        if monitor.final_action is not FinalAction.NONE:
            endings.final(turn, monitor.group, monitor.final_action, because)


def _targets(group: Group, monitor: Monitor) -> tuple[str, ...]:
    target = monitor.recovery_target or monitor.target
    if target == group.name:
        return tuple(group.by_name)
    return ordering.with_dependents(group, target)


def _reactivate(turn: Turn, monitor: Monitor, count: int) -> None:
    group = turn.config.group_by_name[monitor.group]
    turn.say(
        "rm13",
        monitor=monitor.name,
        target=monitor.recovery_target or monitor.target,
        server=turn.me,
        count=count,
        max=monitor.max_reactivations,
    )
    turn.groups.change(group.name, bounce=_targets(group, monitor), event=Event.RECOVER)
    turn.monitors.change(monitor.name, errors=0)


def _fail_over(turn: Turn, monitor: Monitor, rungs: Rungs) -> bool:
    """Begin a failover; False, said once, when no other server can take the group."""
    group = monitor.group
    heir, why = placement.choose(turn, group, without=(turn.me,))
    if not heir:
        nobody = messages.because("rc65", group=group, reason=why)
        if turn.groups[group].note != nobody:
            turn.say("rc65", group=group, reason=why)
            turn.groups.change(group, note=nobody)
        return False
    turn.rungs.put(monitor.name, attrs.evolve(rungs, failovers=rungs.failovers + 1))
    turn.say(
        "rm14",
        monitor=monitor.name,
        group=group,
        server=heir,
        count=rungs.failovers + 1,
        max=monitor.max_failovers,
    )
    turn.say("rc60", group=group, server=heir, previous=turn.me)
    holding.bring_down(turn, group, Event.FAILOVER, heir=heir, avoid=(turn.me,))
    return True
