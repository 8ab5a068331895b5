"""After all faults: does the cluster come to serve again?"""

from __future__ import annotations

from typing import Final

from clpcore.model.config import ClusterConfig
from clpcore.model.ownership import Wanted
from clpcore.simulate.exhaustive.draft import Draft
from clpcore.simulate.exhaustive.keys import spelled
from clpcore.simulate.exhaustive.moves import NEXT, TIME, Move
from clpcore.simulate.exhaustive.playing import play
from clpcore.simulate.exhaustive.world import World

_PATIENCE_MS: Final = 60_000
_STEPS: Final = 3_000


class Stuck(AssertionError):
    """Without a fault any more, a group is served by nobody."""


def calm(config: ClusterConfig, world: World) -> World:
    """Let all faults end, and what is on its way arrive."""
    draft = Draft(config, world)
    draft.cuts = frozenset()
    for name, server in tuple(draft.servers.items()):
        if server.hung_until is not None:
            draft.go_on(name)
    for name, server in tuple(draft.servers.items()):
        if server.state is None:
            draft.start_agent(name)
    return draft.world()


def recover(config: ClusterConfig, world: World, healthy: set[int]) -> None:
    """Let the cluster run without faults until all is served that may be.

    Args:
        config: the configuration.
        world: where it begins.
        healthy: keys of worlds that are known to come to that; learns more of them.

    Raises:
        Stuck: it does not come to that.

    """
    world = calm(config, world)
    until = world.now + _PATIENCE_MS
    passed: list[int] = []
    for _ in range(_STEPS):
        key, world = spelled(world)
        if key in healthy or _is_served(config, world):
            healthy.update(passed)
            healthy.add(key)
            return
        passed.append(key)
        if world.now > until:
            break
        world = _go_on(config, world)
    notes = [
        f"{server.name}: {local.note or local.halted}, {server.state.kept.records[group]}"
        for server in world.servers
        if server.state is not None
        for group, local in server.state.groups.items()
    ]
    raise Stuck(f"nobody serves after {_PATIENCE_MS} ms of calm: {'; '.join(notes)}")


def _go_on(config: ClusterConfig, world: World) -> World:
    if world.head() is not None:
        return play(config, world, NEXT).world()
    for server in world.servers:
        if server.state is None:
            return play(config, world, Move("starts its agent", server.name)).world()
        if server.run.left:
            return play(config, world, Move("starts the cluster service", server.name)).world()
    for move in _asked_for(config, world):
        return play(config, world, move).world()
    return play(config, world, TIME).world()


def _asked_for(config: ClusterConfig, world: World) -> list[Move]:
    """An operator starts again what was stopped by one."""
    awake = [each.state for each in world.servers if each.state is not None]
    return [
        Move("starts", state.me, group)
        for group in config.group_by_name
        for state in awake[:1]
        if state.kept.records[group].wanted is Wanted.STOPPED
        and not state.operations
        and state.phase.value == "online"
        and all(each.kept.records[group].wanted is Wanted.STOPPED for each in awake)
        and not any(each.groups[group].epoch for each in awake)
    ]


def _is_served(config: ClusterConfig, world: World) -> bool:
    return all(
        any(
            each.state is not None
            and each.state.groups[group].confirmed
            and all((group, name) in each.up for name in config.group_by_name[group].by_name)
            for each in world.servers
        )
        for group in config.group_by_name
    )
