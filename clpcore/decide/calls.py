"""Calls of drivers that are under way: each one is answered, or given up at its deadline."""

from __future__ import annotations

from clpcore.decide import (
    fencing,
    ordering,
    partition,
    readiness,
    recovery,
    resting,
    session,
    verdicts,
)
from clpcore.decide.turn import Turn
from clpcore.model.inputs import Outcome
from clpcore.model.state import Doing, Matter, Underway
from clpcore.model.states import Verdict


def take_done(turn: Turn, action: int, outcome: Outcome) -> None:
    """Hand an answer to whoever asked; one that nobody waits for any more is dropped."""
    asked = turn.running.get(action)
    if asked is None:
        return
    turn.running.drop(action)
    if asked.matter is not None:
        _hand_over(turn, asked, asked.matter, action, outcome)
    elif _was_cut_short(turn, asked, action, outcome):
        turn.say("rc556", name=asked.name, server=turn.me, ms=asked.paused)
        if asked.group:
            ordering.forget_call(turn, asked.group, asked.name, action)
        else:
            recovery.look_again(turn, asked.name, action)
    elif asked.group:
        ordering.take_done(turn, asked.group, asked.name, action, outcome)
    else:
        recovery.take_observation(turn, asked.name, action, outcome)


def _hand_over(turn: Turn, asked: Underway, matter: Matter, action: int, outcome: Outcome) -> None:
    match matter:
        case Matter.REST:
            resting.take_done(turn, asked.name, action, outcome)
        case Matter.NP:
            partition.take_answer(turn, asked.name, action, outcome)
        case Matter.CHECK:
            readiness.take_check(turn, asked.name, action, outcome)
        case Matter.FENCE:
            fencing.take_power(turn, asked.name, action, outcome)
        case Matter.SESSION:
            session.take_renewal(turn, action, outcome)
        case Matter.TENURE:
            verdicts.take(turn, asked.name, action, outcome, paused=asked.paused > 0)


def _was_cut_short(turn: Turn, asked: Underway, action: int, outcome: Outcome) -> bool:
    """Tell whether a question stalled that had less than its time, as this server paused (R8).

    A stalled activation or deactivation is no question: what it did is not known (R3).
    """
    stalled_in_a_pause = outcome.verdict is Verdict.STALLED and asked.paused > 0
    return stalled_in_a_pause and not _changes(turn, asked, action)


def _changes(turn: Turn, asked: Underway, action: int) -> bool:
    """Tell whether a call is an activation or deactivation that its resource waits for."""
    resource = turn.resources.get((asked.group, asked.name))
    if resource is None or resource.action != action:
        return False
    return resource.doing is not Doing.PROBE


def give_up(turn: Turn) -> None:
    """Ask anew where an outcome was lost, as it is when this core fails on it.

    It is no stall, with its policy: on what was lost nobody may act.
    """
    for action, asked in turn.running.items():
        if turn.now < asked.until:
            continue
        turn.running.drop(action)
        turn.say("rc555", name=asked.name, server=turn.me)
        if asked.matter is not None:
            lost = Outcome(verdict=Verdict.STALLED, detail="its outcome was lost")
            _hand_over(turn, asked, asked.matter, action, lost)
        elif asked.group:
            ordering.forget_call(turn, asked.group, asked.name, action)
        else:
            recovery.forget_look(turn, asked.name, action)


def settle(turn: Turn) -> None:
    """Come back when the next outcome would be late."""
    late = min((asked.until for _, asked in turn.running.items()), default=None)
    if late is not None:
        turn.wake(max(late, turn.now + 1))  # only a tick gives up


def prolong(turn: Turn, pause: int) -> None:
    """Wait longer by as many ms as this server did not run: answers may lie in its inbox."""
    for action, asked in turn.running.items():
        turn.running.change(action, until=asked.until + pause, paused=asked.paused + pause)
