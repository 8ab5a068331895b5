"""How a server stops being one: the clean leave, and final actions with what holds them back."""

from __future__ import annotations

from clpcore.decide import evidence, holding, maintenance, ownership, placement, resting
from clpcore.decide.turn import Turn
from clpcore.model.actions import Left, StopSelf
from clpcore.model.peer import Bye
from clpcore.model.reasons import Because
from clpcore.model.requests import ClusterStop, ServerStop
from clpcore.model.state import Ending, Goal, Operation
from clpcore.model.states import Event, FinalAction, Phase

LISTENING_MS = 2_000  # how long others may take to write down that a group is free

# -- the clean leave


def leave(turn: Turn, *, stay: bool, cluster: bool, how: FinalAction | None = None) -> None:
    """Begin to leave: groups move away, or stop when the whole *cluster* stops.

    *how*: an operator wants the machine to go, too.
    """
    if turn.phase is Phase.OFFLINE and how is not None:
        _stop_self(turn, how, None, clean=True)
        return
    if turn.phase in (Phase.OFFLINE, Phase.DYING):
        if not stay:
            turn.do(Left(stay=False))
        return
    before = turn.ending
    if before is not None and before.how is not None:
        return
    if before is None:
        turn.say("cl2" if cluster else "nm15", server=turn.me)
    else:
        stay, cluster = stay and before.stay, cluster or before.cluster
    _end(turn, Ending(how=how, because=None, stay=stay, cluster=cluster))


def _end(turn: Turn, ending: Ending) -> None:
    turn.ending, turn.phase, turn.since = ending, Phase.LEAVING, turn.now
    event = Event.CLUSTER_STOP if ending.cluster else Event.MOVE
    for group in turn.config.group_by_name:
        heir = ""
        if evidence.holds(turn, group) and not ending.cluster:
            heir = placement.choose(turn, group)[0]
        ownership.stop(turn, group, event, heir=heir, stay_stopped=False)


def settle(turn: Turn) -> None:
    """Leave, or stop the machine, as soon as nothing runs here and the others know it."""
    ending = turn.ending
    if ending is None or turn.phase is not Phase.LEAVING:
        return
    groups = tuple(turn.config.group_by_name)
    if any(_speaks(turn, group) for group in groups) or resting.under_way(turn):
        return
    clean = all(_down(turn, group) for group in groups)
    if ending.how is None and clean:
        _say_good_bye(turn, ending)
    elif ending.how is not None and not any(_still_stopping(turn, group) for group in groups):
        if clean and any(_asks_others(each) for _, each in turn.operations.items()):
            return  # who goes now cannot tell the others any more that they shall go, too
        _stop_self(turn, ending.how, ending.because, clean=clean)


def _asks_others(operation: Operation) -> bool:
    return isinstance(operation.request.op, ClusterStop) and bool(operation.waits)


def _down(turn: Turn, group: str) -> bool:
    return not evidence.holds(turn, group) and evidence.idle(turn, group)


def _speaks(turn: Turn, group: str) -> bool:
    """Tell whether a server that is heard may still write down that *group* is free."""
    waiting = turn.claims.get(group)
    heard = waiting is not None and any(turn.peers[name].up for name in waiting.need)
    if not heard and group not in turn.tenures:
        return False
    until = (waiting.since if waiting is not None else turn.since) + LISTENING_MS
    if turn.now < until:
        turn.wake(until, group)
    return turn.now < until


def _still_stopping(turn: Turn, group: str) -> bool:
    """Tell whether an orderly stop can still get somewhere."""
    busy = evidence.holds(turn, group) or turn.groups[group].goal is Goal.DOWN
    names = turn.config.group_by_name[group].by_name
    return busy and not any(turn.resources[group, name].stuck for name in names)


def _say_good_bye(turn: Turn, ending: Ending) -> None:
    turn.say("nm16", server=turn.me)
    _bye(turn)
    turn.phase, turn.since, turn.ending = Phase.OFFLINE, turn.now, None
    for group in turn.current:  # a clean leave ends the boot, and what holds only within it
        turn.current.drop(group)
    turn.join, turn.left = 0, True
    _answer(turn)
    turn.do(Left(stay=ending.stay))


def _answer(turn: Turn) -> None:
    """Tell those who asked for it that this server stops."""
    for key, operation in turn.operations.items():
        if isinstance(operation.request.op, ServerStop | ClusterStop) and not operation.waits:
            turn.operations.drop(key)
            turn.reply(operation.request, ok=True)


def _bye(turn: Turn) -> None:
    for name in turn.config.server_names:
        if name != turn.me:
            turn.send(name, Bye(turn.incarnation.boot.counter))


# -- final actions


def final(turn: Turn, groups: tuple[str, ...], how: FinalAction, because: Because) -> bool:
    """Take the final action *how*, because of *groups*; False when a guard holds it back."""
    if maintenance.suspended(turn):
        told = turn.say("rc584", server=turn.me, action=how.value)
        for group in groups:
            turn.groups.change(group, note=told)
        return False
    if how is FinalAction.STOP_GROUP:
        for group in groups:
            turn.say("rc202", group=group, reason=because)
            holding.bring_down(turn, group, Event.STOP, stay_stopped=True)
        return True
    if held := _held_back(turn, how):
        for group in groups:
            turn.groups.change(group, note=held)
        return False
    if turn.ending is not None and turn.ending.how is not None:
        return True
    if how in (FinalAction.RESET, FinalAction.PANIC):
        _stop_self(turn, how, because, clean=False)
        return True
    turn.say("rc203", server=turn.me, action=how.value)
    if how is FinalAction.STOP_SERVICE:
        _end(turn, Ending(how=None, because=because, stay=True, cluster=False))
    else:
        _end(turn, Ending(how=how, because=because, stay=False, cluster=False))
    return True


def when_cut_off(turn: Turn, how: FinalAction, because: Because) -> None:
    """Take the action at NP occurrence: no guard holds it back, and the stop budget counts."""
    if how is FinalAction.NONE or (turn.ending is not None and turn.ending.how is not None):
        return
    if how in (FinalAction.RESET, FinalAction.PANIC):
        stop_at_once(turn, how, because)
        return
    if how is FinalAction.STOP_SERVICE:
        _end(turn, Ending(how=None, because=because, stay=True, cluster=False))
    elif how.ends_machine:
        _end(turn, Ending(how=how, because=because, stay=False, cluster=False))
    for group in turn.config.group_by_name:
        holding.lose(turn, group)


def stop_at_once(turn: Turn, how: FinalAction, because: Because) -> None:
    """Stop the machine without an orderly stop."""
    if turn.phase is not Phase.DYING:
        _stop_self(turn, how, because, clean=False)


def _held_back(turn: Turn, how: FinalAction) -> Because | None:
    """Tell which guard holds a final action back: the last server, the reboot limit."""
    if turn.config.last_server_guard and not any(n != turn.me for n in turn.members()):
        return turn.say("rc500", server=turn.me, action=how.value)
    recent = _recent_ends(turn)
    if how.ends_machine and len(recent) >= turn.config.reboot_limit:
        return turn.say(
            "rc100",
            server=turn.me,
            action=how.value,
            count=len(recent),
            limit=turn.config.reboot_limit,
        )
    return None


def _recent_ends(turn: Turn) -> tuple[int, ...]:
    now = turn.now + turn.was.wall
    return tuple(at for at in turn.ends if now - turn.config.reboot_window < at <= now)


def _stop_self(turn: Turn, how: FinalAction, because: Because | None, *, clean: bool) -> None:
    """Ask the power port; say good-bye first when nothing is left that others must fear.

    Without *because* an operator has asked for it, which no limit of reboots counts.
    """
    reason = because or turn.say("nm16" if clean else "nm15", server=turn.me)
    if because is not None:
        turn.ends = (*_recent_ends(turn), turn.now + turn.was.wall)
    turn.say("rc242" if because else "down1", server=turn.me, action=how.value)
    _answer(turn)
    if clean:
        _bye(turn)
    turn.phase, turn.since = Phase.DYING, turn.now
    turn.do(StopSelf(how=how, because=reason))
