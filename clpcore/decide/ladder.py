"""The recovery ladder of a monitor: reactivations, failovers, the final action."""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import asking, dependence, endings, holding, hooks, placement
from clpcore.decide.turn import Turn
from clpcore.model.actions import Call
from clpcore.model.hooks import HookPoint
from clpcore.model.kept import Rungs
from clpcore.model.members import ALL_GROUPS, LOCAL_SERVER, Group, Monitor
from clpcore.model.state import Goal
from clpcore.model.states import Event, FinalAction, Role


def call(turn: Turn, monitor: Monitor, role: Role) -> Call:
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


def recovers(turn: Turn, monitor: Monitor) -> tuple[str, ...]:
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


def climb(turn: Turn, monitor: Monitor, *, hooked: bool = False) -> None:
    """Take the next rung: reactivation, failover, final action (clusterpro.md 4.2).

    *hooked*: its hook script, if there is one, has run.
    """
    groups = recovers(turn, monitor)
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
    number = hooks.run(turn, at, call(turn, monitor, Role.ACTIVE))
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
