"""Monitors: when to look, and what a look says."""

from __future__ import annotations

from clpcore.decide import (
    combining,
    evidence,
    hooks,
    ladder,
    maintenance,
    ordering,
    resting,
)
from clpcore.decide.turn import Turn
from clpcore.model.actions import Observe
from clpcore.model.inputs import Observation, Outcome, ProcessEnded
from clpcore.model.members import COUNTING, Monitor
from clpcore.model.state import Goal, LocalMonitor, Underway
from clpcore.model.states import (
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
            resting.tell(turn, monitor, ladder.call(turn, monitor, Role.ACTIVE))
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
        combining.tell(turn, monitor.name)


def _look_if_due(turn: Turn, monitor: Monitor, local: LocalMonitor, role: Role) -> None:
    if local.action or local.resting or local.next_at is None:
        return
    if turn.now < local.next_at:
        turn.wake(local.next_at, monitor.group)
        return
    if local.dummy and turn.verification:
        _judge(turn, monitor, role, Observation(Health.ERROR, "dummy failure", certain=True))
        return
    if monitor.type == COUNTING:
        _count(turn, monitor, role)
        return
    number = turn.number()
    why = ladder.call(turn, monitor, role)
    turn.do(Observe(id=number, call=why, timeout=monitor.timeout))
    late = turn.now + monitor.timeout + ordering.ANSWER_LATE_MS
    turn.running.put(number, Underway("", monitor.name, late))
    turn.monitors.change(monitor.name, action=number, again=False, keeps=True)


def _count(turn: Turn, monitor: Monitor, role: Role) -> None:
    """Look at the states of other monitors; where none of them looks, nothing is known."""
    seen = combining.look(turn, monitor)
    if seen is not None:
        _judge(turn, monitor, role, seen)
    else:
        turn.monitors.change(
            monitor.name,
            state=Shown.UNKNOWN,
            detail="none of its monitors looks",
            errors=0,
            next_at=turn.now + monitor.interval,
            normal_since=None,
        )
    turn.wake(turn.monitors[monitor.name].next_at or turn.now, monitor.group)


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
            ladder.climb(turn, monitor, hooked=True)
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
    if turn.monitors[monitor.name].state is not before:
        combining.tell(turn, monitor.name)
        if monitor.critical:
            turn.stir("")


def _normal(turn: Turn, monitor: Monitor, role: Role, seen: Observation) -> None:
    local = turn.monitors[monitor.name]
    climbed = role is Role.ACTIVE and monitor.name in turn.rungs
    if local.state in (Shown.ERROR, Shown.CAUTION) or (local.state is Shown.UNKNOWN and climbed):
        turn.say("rm26", monitor=monitor.name, server=turn.me)
        for group in ladder.recovers(turn, monitor):
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
    ladder.climb(turn, monitor)
