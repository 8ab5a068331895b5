"""What a move makes of a world."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.model import inputs as given
from clpcore.model import requests as ops
from clpcore.model.actions import Arbitrate
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation
from clpcore.simulate.exhaustive.canonical import PAST_MS
from clpcore.simulate.exhaustive.draft import FAILED, STALLED, Draft
from clpcore.simulate.exhaustive.moves import NEXT, TIME, Move
from clpcore.simulate.exhaustive.world import Item, Mail, Pending, Server, World

_NOBODY: Final = Incarnation(Boot(0), 0)  # asked: what comes of it reaches nobody


def play(config: ClusterConfig, world: World, move: Move) -> Draft:
    """Give what a move makes of a world.

    Raises:
        checks.Violated: a rule is broken.

    """
    draft = Draft(config, world)
    if move == NEXT:
        head = world.head()
        if head is not None:
            draft.arrive(draft.flight.pop(head))
    elif move == TIME:
        _let_time_pass(draft, world)
    elif move.what == "late":
        draft.arrive(draft.held.pop(move.place))
    elif move.place >= 0:
        _spoil(draft, move)
    elif not (_cut(draft, move) or _befall(draft, move)):
        draft.ask(move.who, _request(move))
    return draft


def _cut(draft: Draft, move: Move) -> bool:
    """Cut a path, or heal it; False if it is something else."""
    name, other = move.who, move.other
    match move.what:
        case "hears again from":
            draft.cuts -= {(other, name)}
        case "no more hears":
            draft.cuts |= {(other, name)}
        case "no more reaches":
            draft.cuts |= {(name, other)}
        case "and the other one no more hear":
            draft.cuts |= {(name, other), (other, name)}
        case _:
            return False
    return True


def _befall(draft: Draft, move: Move) -> bool:
    """Let something befall a machine or its agent; False if it is something else."""
    name = move.who
    match move.what:
        case "is switched on" | "starts its agent":
            draft.start_agent(name)
        case "goes on":
            draft.go_on(name)
        case "loses its power":
            draft.switch_off(name)
        case "loses its power and its letters":
            draft.switch_off(name)
            draft.flight = [i for i in draft.flight if not _is_from(i, name)]
        case "loses its agent":
            draft.end_agent(name)
        case "hangs":
            draft.hang(name, PAST_MS, frozen=False)
        case "freezes":
            draft.hang(name, _longest_freeze(draft.config), frozen=True)
        case "leaves":
            draft.feed(name, given.Leave(draft.now))
        case _:
            return False
    return True


def _is_from(item: Item, name: str) -> bool:
    return isinstance(item, Mail) and item.sender == name


def _longest_freeze(config: ClusterConfig) -> int:
    """Where a lapsed lease is proof, no freeze is longer than it allows for (T3)."""
    if config.arbiter is not None and config.needs_watchdog:
        return config.arbiter.freeze
    return PAST_MS


def _request(move: Move) -> ops.Op:
    match move.what:
        case "moves":
            return ops.GroupMove(move.other)
        case "stops":
            return ops.GroupStop(move.other)
        case "starts":
            return ops.GroupStart(move.other)
        case "confirms the end of":
            return ops.ServerConfirmDown(move.other)
        case "starts the cluster service":
            return ops.ServerStart(move.who)
        case _:
            return ops.ServerStop(move.who)


def _spoil(draft: Draft, move: Move) -> None:
    """Let something that is on its way come late, twice, or to no good end."""
    item = draft.flight.pop(move.place)
    if move.what == "is held up":
        draft.held.append(item)
    elif isinstance(item, Mail):
        draft.held.append(item)
        draft.arrive(item)
    elif isinstance(item, Pending):
        if move.what == "is answered late":
            outcome = draft.outcome(item)
            lost = outcome is None
            draft.held.append(attrs.evolve(item, outcome=outcome, lost=lost, shape=None))
        elif move.what == "is only accepted":
            draft.answer(item, draft.accept(item))
        else:
            draft.answer(item, FAILED)


# -- time


def _let_time_pass(draft: Draft, world: World) -> None:
    """Go to the next moment at which anybody does anything, and do all that is due."""
    draft.now = _next_moment(world)
    for server in world.servers:
        if server.hung_until is not None and server.hung_until <= draft.now:
            draft.go_on(server.name)
    for server in tuple(draft.servers.values()):
        bites = server.bites_at is not None and server.bites_at <= draft.now
        if bites and not server.frozen:
            draft.switch_off(server.name)
    _give_up(draft)
    beats = draft.now >= draft.beat_at
    draft.beat_at += draft.config.heartbeat_interval if beats else 0
    for server in tuple(draft.servers.values()):
        now = draft.servers[server.name]
        if now.awake and (beats or _wakes(now, draft.now)):
            draft.feed(now.name, given.Tick(draft.now))
    if beats:
        for server in tuple(draft.servers.values()):
            if server.awake:
                draft.beat(server.name)


def _next_moment(world: World) -> int:
    moments = [world.beat_at]
    for server in world.servers:
        if server.awake and server.state is not None and server.state.wake_at is not None:
            moments.append(server.state.wake_at)
        if server.hung_until is not None:
            moments.append(server.hung_until)
        if server.bites_at is not None and not server.frozen:
            moments.append(server.bites_at)
    moments += [item.until for item in world.held]
    return max(world.now, min(moments))


def _wakes(server: Server, now: int) -> bool:
    state = server.state
    return state is not None and state.wake_at is not None and state.wake_at <= now


def _give_up(draft: Draft) -> None:
    """Let calls stall whose time is over, and forget what is too old to come."""
    due = [item for item in draft.held if item.until <= draft.now]
    draft.held = [item for item in draft.held if item.until > draft.now]
    for item in due:
        if not isinstance(item, Pending):
            continue
        if isinstance(item.action, Arbitrate) and item.outcome is None and not item.lost:
            late = draft.now + PAST_MS  # it may come to the arbiter all the same
            if item.incarnation != _NOBODY:
                draft.held.append(attrs.evolve(item, incarnation=_NOBODY, until=late, shape=None))
        draft.answer(item, STALLED)
