"""A finding in words: what happened, and what each server said about it."""

from __future__ import annotations

from collections.abc import Iterator

from clpcore import messages
from clpcore.model.config import ClusterConfig
from clpcore.model.peer import Beat
from clpcore.simulate.exhaustive.checks import Violated
from clpcore.simulate.exhaustive.draft import Draft
from clpcore.simulate.exhaustive.explore import Explored, Finding
from clpcore.simulate.exhaustive.moves import NEXT, TIME, Move
from clpcore.simulate.exhaustive.playing import play
from clpcore.simulate.exhaustive.world import Blow, Item, Mail, Pending, World


def summary(policy: str, explored: Explored) -> str:
    """Give one line of numbers."""
    coverage = f"whole up to {explored.whole} events" if explored.whole >= 0 else "part"
    if explored.deepest > explored.whole >= 0:
        coverage += f", part of {explored.deepest}"
    return (
        f"{policy}: {explored.states} states, {explored.moves} moves, {coverage}, "
        f"{explored.recovered} recoveries, {explored.seconds:.0f} s, "
        f"{explored.states / max(explored.seconds, 0.001):.0f} states/s, "
        f"{'no violation' if explored.finding is None else explored.finding.rule}"
    )


def tell(config: ClusterConfig, start: World, finding: Finding) -> Iterator[str]:
    """Give the way to a finding, line by line; *start* is where it began.

    The time in front of a line is in ms since the start. ``!`` marks an event.
    """
    world = start
    for move in finding.moves:
        mark = " " if move in (NEXT, TIME) else "!"
        text = describe(world, move)
        if move != TIME:
            yield f"{world.now - start.now:7} {mark} {text}"
        draft = Draft(config, world)
        try:
            draft = play(config, world, move)
        except (Violated, RuntimeError, LookupError) as broken:
            yield f"        {type(broken).__name__}: {broken}"
            return
        for name, because in draft.because:
            yield f"            {name}: {messages.render(because, 'en')}"
        world = draft.world()
    yield f"        then all faults end: {finding.rule}"


def describe(world: World, move: Move) -> str:
    """Say in words what happens by *move*."""
    item: Item | None = None
    if move == NEXT:
        head = world.head()
        item = None if head is None else world.flight[head]
    elif move.place >= 0:
        item = (world.held if move.what == "late" else world.flight)[move.place]
    if item is not None:
        return f"{_name(item)} {move.what}"
    return " ".join(word for word in (move.who, move.what, move.other) if word)


def _name(item: Item) -> str:
    match item:
        case Mail(sender=sender, to=to, letter=letter):
            word = "heartbeat" if isinstance(letter, Beat) else type(letter).__name__
            return f"{word} {sender} -> {to}"
        case Blow(victim=victim):
            return f"the accepted forced stop of {victim}"
        case Pending(server=server, action=action):
            call = action.call
            about = type(getattr(action, "ask", action)).__name__
            return f"{server}: {about} {call.resource or call.victim or call.group}".rstrip()
