"""Whether forced stops would work: looked at now and then, before one is needed (R22)."""

from __future__ import annotations

import attrs

from clpcore.decide import asking, maintenance
from clpcore.decide.turn import Turn
from clpcore.model.actions import CanFence
from clpcore.model.guards import LocalFence, Readiness
from clpcore.model.inputs import Outcome
from clpcore.model.state import Matter
from clpcore.model.states import Health, Phase, Shown, Verdict

_AGAIN_MS = 60_000  # between two looks while a forced stop has failed


def settle(turn: Turn) -> None:
    """Look whether each other server could be stopped from here."""
    if turn.phase is not Phase.ONLINE or turn.ending is not None or maintenance.suspended(turn):
        return
    if not turn.config.fencings:
        return
    ways = sum(len(turn.config.ways_to_stop(name)) for name in turn.peers)
    resting = [each.next_at for _, each in turn.readiness.items() if not each.action]
    if len(turn.readiness) < ways or any(at <= turn.now for at in resting):
        for name in turn.peers:
            _look_if_due(turn, name)
    elif resting:
        turn.wake(min(resting))


def _look_if_due(turn: Turn, victim: str) -> None:
    for way in turn.config.ways_to_stop(victim):
        key = f"{way.name}/{victim}"
        known = turn.readiness.get(key) or Readiness()
        if known.action:
            continue
        if turn.now < known.next_at:
            turn.wake(known.next_at)
            continue
        why = asking.about(turn, entry=way.name, victim=victim)
        action = CanFence(id=turn.number(), call=why, timeout=way.check_timeout)
        asking.begin(turn, action, Matter.CHECK, key)
        turn.readiness.put(key, attrs.evolve(known, action=action.id))


def look_soon(turn: Turn, victim: str) -> None:
    """A forced stop of *victim* has failed: find out soon when it would work again."""
    for way in turn.config.ways_to_stop(victim):
        key = f"{way.name}/{victim}"
        known = turn.readiness.get(key)
        if known is not None:
            turn.readiness.change(key, next_at=min(known.next_at, turn.now + _AGAIN_MS))


def take_check(turn: Turn, key: str, action: int, outcome: Outcome) -> None:
    """Note whether a forced stop would work; one that had failed begins anew when it would."""
    known = turn.readiness.get(key)
    if known is None or known.action != action:
        return
    name, _, victim = key.partition("/")
    way = next(each for each in turn.config.fencings if each.name == name)
    seen = outcome.observation
    good = outcome.verdict is Verdict.OK and seen is not None and seen.health is Health.NORMAL
    state = Shown.NORMAL if good else Shown.ERROR
    detail = seen.sentence if seen is not None else _why(outcome)
    if state is not known.state and not (good and known.state is Shown.UNKNOWN):
        key_of = "nm47" if good else "nm46"
        turn.say(key_of, fence=name, server=victim, me=turn.me, reason=detail)
    local = turn.fences.get(victim)
    failed = local is not None and local.failed != ""
    every = min(_AGAIN_MS, way.check_interval) if failed else way.check_interval
    if good and local is not None and failed:
        turn.fences.put(victim, LocalFence(boot=local.boot, since=turn.now, next_at=turn.now))
    turn.readiness.put(key, Readiness(state=state, detail=detail, next_at=turn.now + every))


def _why(outcome: Outcome) -> str:
    return outcome.detail or outcome.verdict.value
