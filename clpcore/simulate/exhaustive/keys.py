"""The key of a world: equal for worlds that differ in nothing that matters."""

from __future__ import annotations

import attrs

from clpcore.simulate.exhaustive.canonical import BOOT, EPOCH, TIME, Number, Shape, key_of, shape_of
from clpcore.simulate.exhaustive.world import Blow, Item, Mail, Server, World


def spelled(world: World) -> tuple[int, World]:
    """Give the key, and the world with every part of it spelled, so that nothing is twice."""
    world = attrs.evolve(
        world,
        servers=tuple(each if each.shape else _spell_server(each) for each in world.servers),
        flight=tuple(each if each.shape else _spell_item(each) for each in world.flight),
        held=tuple(each if each.shape else _spell_item(each) for each in world.held),
    )
    held = sorted((_shape(each) for each in world.held), key=lambda shape: shape.said)
    shapes = (
        *(_shape(each) for each in world.servers),
        *(_shape(each) for each in world.flight),
        *held,
        _rest(world),
    )
    return key_of(world.now, shapes), world


def _shape(part: Server | Item) -> Shape:
    if part.shape is None:
        raise ValueError(part)
    return part.shape


def _spell_server(server: Server) -> Server:
    """Of a running agent the state holds the journal and /run as well."""
    knows = (server.kept, server.run) if server.state is None else server.state
    times = (server.hung_until, server.hung_at, server.bites_at)
    life = server.life
    about = (server.on, life.over, server.frozen, server.up, knows)
    known = shape_of(about, server.name)
    numbers: tuple[Number, ...] = tuple((TIME, "", at) for at in times)
    boot = (BOOT, server.name, life.boot.counter)
    return attrs.evolve(server, shape=attrs.evolve(known, numbers=(*known.numbers, *numbers, boot)))


def _spell_item(item: Item) -> Item:
    match item:
        case Mail():
            shape = shape_of(item, item.sender, item.to)
        case Blow():
            shape = shape_of(item, item.victim)
        case _:
            shape = shape_of(item, item.server)
    return attrs.evolve(item, shape=shape)


def _rest(world: World) -> Shape:
    known = shape_of((world.records, tuple(sorted(world.cuts)), tuple(world.leases)), "")
    numbers: list[Number] = [(TIME, "", world.beat_at)]
    for name, lease in world.leases.items():
        numbers += [(BOOT, name, lease.boot.counter), (TIME, "", max(lease.until, world.now))]
    for _, (epoch, name, boot) in sorted(world.served.items()):
        numbers += [(EPOCH, "", epoch), (BOOT, name, boot)]
    servers = tuple(name for _, (_, name, _) in sorted(world.served.items()))
    return Shape(hash((known.said, servers, len(world.flight))), (*known.numbers, *numbers))
