"""How a server stops being one: the clean leave, and final actions with what holds them back."""

from __future__ import annotations

from clpcore.decide import evidence, holding, placement
from clpcore.decide.turn import Turn
from clpcore.model.actions import Left, StopSelf
from clpcore.model.peer import Bye
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.state import Ending, Goal
from clpcore.model.states import Event, FinalAction, Phase

# -- the clean leave


def leave(turn: Turn, *, stay: bool, cluster: bool, request: Request | None = None) -> None:
    """Begin to leave: groups move away, or stop when the whole *cluster* stops."""
    if turn.phase in (Phase.OFFLINE, Phase.DYING):
        if not stay:
            turn.do(Left(stay=False))
        return
    turn.say("cl2" if cluster else "nm15", server=turn.me)
    _end(turn, Ending(how=None, because=None, stay=stay, cluster=cluster, request=request))


def _end(turn: Turn, ending: Ending) -> None:
    turn.ending, turn.phase, turn.since = ending, Phase.LEAVING, turn.now
    event = Event.CLUSTER_STOP if ending.cluster else Event.MOVE
    for group in turn.config.groups:
        if evidence.holds(turn, group.name) and turn.groups[group.name].goal is not Goal.DOWN:
            heir = "" if ending.cluster else placement.choose(turn, group.name)[0]
            holding.bring_down(turn, group.name, event, heir=heir)


def settle(turn: Turn) -> None:
    """Leave, or stop the machine, as soon as nothing runs here and the others know it."""
    ending = turn.ending
    if ending is None or turn.phase is not Phase.LEAVING:
        return
    if ending.how is not None:
        if not any(_still_stopping(turn, group.name) for group in turn.config.groups):
            _stop_self(turn, ending.how, ending.because)
        return
    if all(_gone(turn, group.name) for group in turn.config.groups):
        _say_good_bye(turn, ending)


def _gone(turn: Turn, group: str) -> bool:
    """Tell whether *group* is down here and every server that is heard has persisted that."""
    if evidence.holds(turn, group) or not evidence.idle(turn, group):
        return False
    waiting = turn.claims.get(group)
    return waiting is None or not any(turn.peers[name].up for name in waiting.need)


def _still_stopping(turn: Turn, group: str) -> bool:
    """Tell whether an orderly stop can still get somewhere."""
    if not evidence.holds(turn, group):
        return not _gone(turn, group) and not _stuck(turn, group)
    return not _stuck(turn, group)


def _stuck(turn: Turn, group: str) -> bool:
    names = turn.config.group_by_name[group].by_name
    return any(turn.resources[group, name].stuck for name in names)


def _say_good_bye(turn: Turn, ending: Ending) -> None:
    for name in turn.config.server_names:
        if name != turn.me:
            turn.send(name, Bye(turn.incarnation.boot.counter))
    turn.say("nm16", server=turn.me)
    turn.phase, turn.since, turn.ending = Phase.OFFLINE, turn.now, None
    _forget_boot(turn)
    if ending.request is not None:
        turn.reply(ending.request, ok=True)
    turn.do(Left(stay=ending.stay))


def _forget_boot(turn: Turn) -> None:
    """A clean leave ends the boot: nothing that holds only within it may outlive it."""
    for group in turn.current:
        turn.current.drop(group)
    turn.join, turn.left = 0, True


# -- final actions


def final(turn: Turn, group: str, how: FinalAction, because: Because) -> bool:
    """Take the final action *how*; False when a guard holds it back."""
    if how is FinalAction.STOP_GROUP:
        turn.say("rc202", group=group, reason=because)
        holding.bring_down(turn, group, Event.STOP, stay_stopped=True)
        return True
    if held := _held_back(turn, how):
        turn.groups.change(group, note=held)
        return False
    if turn.ending is not None and turn.ending.how is not None:
        return True
    turn.say("rc203", server=turn.me, action=how.value, reason=because)
    if how in (FinalAction.RESET, FinalAction.PANIC):
        _stop_self(turn, how, because)
    elif how is FinalAction.STOP_SERVICE:
        _end(turn, Ending(how=None, because=because, stay=True, cluster=False))
    else:
        _end(turn, Ending(how=how, because=because, stay=False, cluster=False))
    return True


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


def _stop_self(turn: Turn, how: FinalAction, because: Because | None) -> None:
    reason = because or turn.say("nm16", server=turn.me)
    turn.ends = (*_recent_ends(turn), turn.now + turn.was.wall)
    turn.phase, turn.since = Phase.DYING, turn.now
    turn.say("rc242", server=turn.me, action=how.value)
    turn.do(StopSelf(how=how, because=reason))
