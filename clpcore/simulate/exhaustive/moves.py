"""What can happen next in a world: what does by itself, and events from outside.

*By itself*: what is on its way arrives, in the order in which it was sent and without any time
passing; then the clock goes to the next moment at which anybody wakes. There is one way for it.

*An event* is anything else: a fault, the end of a fault, what an operator asks for, and whatever
overtakes, is lost or fails. Explorations are bounded by how many there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from clpcore.model.actions import Activate, Arbitrate, Deactivate, Fence, Probe
from clpcore.model.config import ClusterConfig
from clpcore.model.peer import Beat
from clpcore.simulate.exhaustive.world import Blow, Item, Mail, Pending, Server, World


@attrs.frozen
class Move:
    """One thing that happens, to *who*, perhaps with *other*; *place*: to that item."""

    what: str
    who: str = ""
    other: str = ""
    place: int = -1


NEXT: Final = Move("arrives")
TIME: Final = Move("time passes")


def _ends_of_faults(config: ClusterConfig, world: World) -> Iterator[Move]:
    """Give how faults may end, when nothing is on its way."""
    if world.now != world.beat_at - config.heartbeat_interval:
        return  # one moment in each interval is enough for what people do
    for server in world.servers:
        if not server.on:
            yield Move("is switched on", server.name)
        elif server.state is None:
            yield Move("starts its agent", server.name)
        elif server.hung_until is not None:
            yield Move("goes on", server.name)
    for sender, to in sorted(world.cuts):
        yield Move("hears again from", to, sender)


def _releases(world: World) -> Iterator[Move]:
    for place, item in enumerate(world.held):
        if not (isinstance(item, Pending) and item.lost) and not world.waits(item):
            yield Move("late", item.at, place=place)


def events(config: ClusterConfig, world: World) -> Iterator[Move]:
    """Give what may happen now from outside."""
    head = world.head()
    if head is None:
        yield from _releases(world)
        yield from _ends_of_faults(config, world)
        yield from _at_rest(config, world)
        return
    item = world.flight[head]
    yield from (each for each in _releases(world) if each.who == item.at)
    yield from _of_item(item, head)
    concerned = {item.at, item.sender} if isinstance(item, Mail) else {item.at}
    for name in sorted(concerned):
        yield from _ends(world.server(name))
        if any(isinstance(each, Mail) and each.sender == name for each in world.flight):
            yield Move("loses its power and its letters", name)
    if isinstance(item, Mail):
        yield Move("no more hears", item.to, item.sender)


def _of_item(item: Item, place: int) -> Iterator[Move]:
    match item:
        case Mail(letter=Beat()) | Blow():
            pass
        case Mail():
            yield Move("is held up", item.at, place=place)
            yield Move("comes twice", item.at, place=place)
        case Pending(action=Activate() | Deactivate() | Probe()):
            yield Move("is held up", item.at, place=place)
            yield Move("fails", item.at, place=place)
        case Pending(action=Arbitrate()):
            yield Move("is held up", item.at, place=place)
            yield Move("is answered late", item.at, place=place)
        case Pending(action=Fence()):
            yield Move("is only accepted", item.at, place=place)
            yield Move("is answered late", item.at, place=place)
            yield Move("fails", item.at, place=place)


def _ends(server: Server) -> Iterator[Move]:
    if server.on:
        yield Move("loses its power", server.name)
    if server.state is not None:
        yield Move("loses its agent", server.name)


def _at_rest(config: ClusterConfig, world: World) -> Iterator[Move]:
    entries = [each.name for each in config.nps] + [each.name for each in config.fencings]
    entries += [] if config.arbiter is None else [config.arbiter.name]
    for server in world.servers:
        name = server.name
        yield from _ends(server)
        if server.awake:
            yield Move("hangs", name)
            yield Move("freezes", name)
            yield Move("leaves", name)
            yield from _operators(config, world, name)
        others = [each.name for each in world.servers if each.name != name]
        yield from (Move("no more hears", name, o) for o in others if (o, name) not in world.cuts)
        yield from (
            Move("and the other one no more hear", name, other)
            for other in others
            if name < other and not {(name, other), (other, name)} & world.cuts
        )
        yield from (
            Move("no more reaches", name, entry)
            for entry in entries
            if (name, entry) not in world.cuts
        )


def _operators(config: ClusterConfig, world: World, name: str) -> Iterator[Move]:
    for group in config.group_by_name:
        yield Move("moves", name, group)
        yield Move("stops", name, group)
        yield Move("starts", name, group)
    yield Move("stops the cluster service of", name, name)
    for other in world.servers:
        if not other.on:
            yield Move("confirms the end of", name, other.name)
