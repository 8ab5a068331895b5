"""Monitors and the recovery ladder: reactivations, failovers, the final action."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import (
    asking,
    dependence,
    endings,
    evidence,
    holding,
    hooks,
    maintenance,
    ordering,
    placement,
    resting,
)
from clpcore.decide.turn import Turn
from clpcore.model.actions import Call, Observe
from clpcore.model.config import ALL_GROUPS, LOCAL_SERVER, Group, Monitor
from clpcore.model.hooks import HookPoint
from clpcore.model.inputs import Observation, Outcome, ProcessEnded
from clpcore.model.kept import Rungs
from clpcore.model.state import Goal, LocalMonitor, Underway
from clpcore.model.states import (
    Event,
    FinalAction,
    Health,
    Phase,
    Presence,
    Role,
    Shown,
    Timing,
    Verdict,
)

# -- when to look


def role_of(turn: Turn, monitor: Monitor) -> Role | None:
    """Tell on which side *monitor* looks here now; None: not at all."""
    if turn.phase is Phase.OFFLINE or not monitor.looks_on(turn.me):
        return None
    if not monitor.target:
        return Role.ACTIVE if turn.phase is Phase.ONLINE else None
    group = turn.groups[monitor.group]
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
        _settle(turn, monitor)


def settle_server(turn: Turn) -> None:
    """Look where it is time to with the monitors of the server itself."""
    for monitor in turn.config.server_monitors:
        _settle(turn, monitor)


def _settle(turn: Turn, monitor: Monitor) -> None:
    local, role = turn.monitors[monitor.name], role_of(turn, monitor)
    if role is None or _is_suspended(turn, monitor):
        _rest(turn, monitor, local)
        if monitor.keeps:
            resting.tell(turn, monitor, _call(turn, monitor, Role.ACTIVE))
        return
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


def _is_suspended(turn: Turn, monitor: Monitor) -> bool:
    return monitor.name in turn.suspended or maintenance.suspended(turn)


def _rest(turn: Turn, monitor: Monitor, local: LocalMonitor) -> None:
    suspended = _is_suspended(turn, monitor)
    state = Shown.SUSPEND if suspended else Shown.OFFLINE
    if local.state is not state or local.action:
        turn.running.drop(local.action)
        turn.monitors.change(
            monitor.name,
            state=state,
            detail="",
            errors=0,
            next_at=None,
            action=0,
            hook=None,
            again=False,
        )


def _look_if_due(turn: Turn, monitor: Monitor, local: LocalMonitor, role: Role) -> None:
    if local.action or local.resting or local.next_at is None:
        return
    if turn.now < local.next_at:
        turn.wake(local.next_at, monitor.group)
        return
    if local.dummy and turn.verification:
        _judge(turn, monitor, role, Observation(Health.ERROR, "dummy failure", certain=True))
        return
    number = turn.number()
    why = _call(turn, monitor, role)
    turn.do(Observe(id=number, call=why, timeout=monitor.timeout))
    late = turn.now + monitor.timeout + ordering.ANSWER_LATE_MS
    turn.running.put(number, Underway("", monitor.name, late))
    turn.monitors.change(monitor.name, action=number, again=False, keeps=True)


def _call(turn: Turn, monitor: Monitor, role: Role) -> Call:
    """Give why and where its driver is called; one of the server itself has no group."""
    if monitor.target:
        group = turn.config.group_by_name[monitor.group]
        return asking.call(turn, group, monitor.target, role, monitor.name)
    return Call(
        event=Event.START,
        role=role,
        epoch=0,
        server=turn.me,
        home=turn.me,
        previous="",
        group="",
        resource="",
        monitor=monitor.name,
    )


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
    turn.monitors.change(name, action=0, hook=None)
    role = role_of(turn, monitor)
    if local.hook is not None:
        hooks.take_end(turn, local.hook, name, outcome)
        if role is Role.ACTIVE:
            _climb(turn, monitor, hooked=True)
    elif role is not None:
        _judge(turn, monitor, role, _seen(outcome))


def forget_look(turn: Turn, name: str, action: int) -> None:
    """Look again at the next interval: what this look saw is not known."""
    if turn.monitors[name].action == action:
        interval = turn.config.monitor_by_name[name].interval
        turn.monitors.change(name, action=0, hook=None, next_at=turn.now + interval)


def look_again(turn: Turn, name: str, action: int) -> None:
    """Look again at once: this look says nothing."""
    if turn.monitors[name].action == action:
        turn.monitors.change(name, action=0, hook=None, next_at=turn.now)


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
    before = local.state
    wait = 0 if local.again else monitor.interval
    turn.monitors.change(monitor.name, next_at=turn.now + wait, again=False)
    if seen.health is Health.NORMAL:
        _normal(turn, monitor, role, seen)
    elif seen.health is Health.ERROR:
        _error(turn, monitor, role, seen)
    else:
        _caution(turn, monitor, seen)
    if monitor.critical and turn.monitors[monitor.name].state is not before:
        turn.stir("")


def _normal(turn: Turn, monitor: Monitor, role: Role, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    climbed = role is Role.ACTIVE and monitor.name in turn.rungs
    if local.state in (Shown.ERROR, Shown.CAUTION) or (local.state is Shown.UNKNOWN and climbed):
        turn.say("rm26", monitor=monitor.name, server=turn.me)
        for group in _recovers(turn, monitor):
            _forget_note(turn, group)
    since = local.normal_since if local.normal_since is not None else turn.now
    turn.monitors.change(
        monitor.name, state=Shown.NORMAL, detail=seen.sentence, errors=0, normal_since=since
    )
    # Nobody listens where nobody must: that says nothing of the service, and forgives nothing.
    until_forgotten = max(monitor.reset_after, monitor.interval)  # more than one look
    if role is Role.ACTIVE and turn.now - since >= until_forgotten:
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


def _recovers(turn: Turn, monitor: Monitor) -> tuple[str, ...]:
    """Give the groups here that its recovery is about, those that are to be up: perhaps none."""
    target, config = monitor.recovery_target or monitor.target, turn.config
    if target == LOCAL_SERVER:
        return ()
    if target == ALL_GROUPS:
        names = tuple(config.group_by_name)
    elif target in config.group_by_name:
        names = (target,)
    elif monitor.group:
        names = (monitor.group,)
    else:
        names = tuple(g.name for g in config.groups if target in g.by_name)
    return tuple(name for name in names if _can_recover(turn, name))


def _can_recover(turn: Turn, group: str) -> bool:
    local = turn.groups[group]
    return local.goal is Goal.UP and local.confirmed and local.halted is None


def _climb(turn: Turn, monitor: Monitor, *, hooked: bool = False) -> None:
    """Take the next rung: reactivation, failover, final action (clusterpro.md 4.2).

    *hooked*: its hook script, if there is one, has run.
    """
    groups = _recovers(turn, monitor)
    if not groups and monitor.recovery_target != LOCAL_SERVER:
        return
    rungs = turn.rungs.get(monitor.name) or Rungs()
    if not hooked and _run_hook(turn, monitor, _next_rung(turn, monitor, groups, rungs)):
        return
    if groups and rungs.reactivations < monitor.max_reactivations:
        turn.rungs.put(monitor.name, attrs.evolve(rungs, reactivations=rungs.reactivations + 1))
        for group in groups:
            _reactivate(turn, monitor, group, rungs.reactivations + 1)
        turn.monitors.change(monitor.name, errors=0)
    elif groups and rungs.failovers < monitor.max_failovers and _fail_over(turn, monitor, groups):
        turn.rungs.put(monitor.name, attrs.evolve(rungs, failovers=rungs.failovers + 1))
    elif not rungs.final:
        turn.rungs.put(monitor.name, attrs.evolve(rungs, final=True))
        because = turn.say(
            "rm15", monitor=monitor.name, server=turn.me, action=monitor.final_action.value
        )
        if monitor.final_action is not FinalAction.NONE:
            endings.final(turn, groups, monitor.final_action, because)


def _next_rung(
    turn: Turn, monitor: Monitor, groups: tuple[str, ...], rungs: Rungs
) -> HookPoint | None:
    """Give before which rung the monitor stands; None: it has climbed all of them."""
    if groups and rungs.reactivations < monitor.max_reactivations:
        return HookPoint.BEFORE_REACTIVATION
    if rungs.failovers < monitor.max_failovers and any(
        placement.choose(turn, group, without=(turn.me,))[0] for group in groups
    ):
        return HookPoint.BEFORE_FAILOVER
    return None if rungs.final else HookPoint.BEFORE_FINAL_ACTION


def _run_hook(turn: Turn, monitor: Monitor, at: HookPoint | None) -> bool:
    """Let the monitor's script of *at* run, and no look meanwhile; False if there is none."""
    if at not in monitor.hooks:
        return False
    number = hooks.run(turn, at, _call(turn, monitor, Role.ACTIVE))
    turn.monitors.change(monitor.name, action=number, hook=at)
    return True


def _targets(group: Group, monitor: Monitor) -> tuple[str, ...]:
    target = monitor.recovery_target or monitor.target
    if target in group.by_name:
        return dependence.with_dependents(group, target)
    return tuple(group.by_name)


def _reactivate(turn: Turn, monitor: Monitor, name: str, count: int) -> None:
    group = turn.config.group_by_name[name]
    target = monitor.recovery_target or monitor.target
    turn.say(
        "rm13",
        monitor=monitor.name,
        target=name if target == ALL_GROUPS else target,
        server=turn.me,
        count=count,
        max=monitor.max_reactivations,
    )
    turn.groups.change(name, bounce=_targets(group, monitor), event=Event.RECOVER)


def _fail_over(turn: Turn, monitor: Monitor, groups: tuple[str, ...]) -> bool:
    """Begin to fail over; False, said once, when no other server can take any of *groups*."""
    began = [_fail_one_over(turn, monitor, group) for group in groups]
    return any(began)


def _fail_one_over(turn: Turn, monitor: Monitor, group: str) -> bool:
    heir, why = placement.choose(turn, group, without=(turn.me,))
    if not heir:
        nobody = messages.because("rc65", group=group, reason=why)
        if turn.groups[group].note != nobody:
            turn.say("rc65", group=group, reason=why)
            turn.groups.change(group, note=nobody)
        return False
    rungs = turn.rungs.get(monitor.name) or Rungs()
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
