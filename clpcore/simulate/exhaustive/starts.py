"""Where explorations begin."""

from __future__ import annotations

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot
from clpcore.simulate.exhaustive.calm import calm, recover
from clpcore.simulate.exhaustive.draft import Draft
from clpcore.simulate.exhaustive.moves import NEXT, TIME
from clpcore.simulate.exhaustive.playing import play
from clpcore.simulate.exhaustive.world import Life, Server, World

_BEGINS = 1_000_000
_SETTLES_MS = 20_000


def off(config: ClusterConfig) -> World:
    """Give new servers, switched off."""
    servers = tuple(
        Server(name=name, on=False, life=Life(Boot(0), 0)) for name in config.server_names
    )
    return World(now=_BEGINS, beat_at=_BEGINS + config.heartbeat_interval, servers=servers)


def served(config: ClusterConfig) -> World:
    """Give servers that all know each other and serve all groups."""
    world = calm(config, off(config))
    until = world.now + _SETTLES_MS
    while world.now < until:
        move = TIME if world.head() is None else NEXT
        world = play(config, world, move).world()
    recover(config, world, set())
    return world


def new(config: ClusterConfig) -> World:
    """Give new servers, just switched on."""
    return calm(config, off(config))


def known(config: ClusterConfig) -> World:
    """Give servers that have served, and are all just switched on again."""
    draft = Draft(config, served(config))
    for name in config.server_names:
        draft.switch_off(name)
    draft.flight.clear()
    return calm(config, draft.world())
