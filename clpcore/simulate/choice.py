"""Which groups a forecast has to play, and for how long it has to wait for what happens."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group
from clpcore.model.picture import Picture


def touched(picture: Picture, servers: Iterable[str]) -> tuple[str, ...]:
    """Give the groups that are on one of *servers*, and those that have to do with them."""
    config, names = picture.config, set(servers)
    owners = {name: record.owner for name, record in picture.kept.records.items()}
    found = {name for name in config.group_by_name if owners.get(name) in names}
    for name in names & picture.servers.keys():
        found |= picture.servers[name].held.keys() & config.group_by_name.keys()
    return related(config, found)


def samples(picture: Picture, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Give those of the groups *names* that have to be played, each with those like it.

    Groups are alike that differ in nothing but their names, are on the same server in the same
    state, and have nothing to do with any other group: what befalls one befalls all of them.
    """
    told = {each.monitor for seen in picture.servers.values() for each in seen.monitors}
    unusual = {monitor.group for monitor in picture.config.monitors if monitor.name in told}
    found: dict[str, list[str]] = {}
    for name in names:
        alone = name not in unusual and related(picture.config, [name]) == (name,)
        found.setdefault(_shape(picture, name) if alone else name, []).append(name)
    return {first: tuple(others) for first, *others in found.values()}


def _shape(picture: Picture, name: str) -> str:
    """Give all that makes a group what it is, but its name and those of its resources."""
    group, record = picture.config.group_by_name[name], picture.kept.records.get(name)
    place = {each: str(number) for number, each in enumerate(group.by_name)}
    resources = tuple(
        attrs.evolve(
            each,
            name="",
            group="",
            depends_on=tuple(sorted(map(place.__getitem__, each.depends_on))),
        )
        for each in group.resources
    )
    states = [
        (server, *(place[each] for each in place if f"{name}/{each}" in seen.active))
        for server, seen in picture.servers.items()
        if name in seen.held
    ]
    owner = record and (record.owner, record.boot, record.wanted, record.cohort, record.avoid)
    return repr((attrs.evolve(group, name="", resources=resources), states, owner))


def related(config: ClusterConfig, names: Iterable[str]) -> tuple[str, ...]:
    """Give *names*, and every group whose step can depend on theirs or theirs on it."""
    links: dict[str, set[str]] = {}
    for one, others in config.concerns.items():
        for other in others if one else ():
            links.setdefault(one, set()).add(other)
            links.setdefault(other, set()).add(one)
    found, todo = set(names), list(names)
    while todo:
        for other in links.get(todo.pop(), set()) - found:
            found.add(other)
            todo.append(other)
    return tuple(name for name in config.group_by_name if name in found)


def patience(config: ClusterConfig) -> int:
    """Give the longest time, in ms, that can pass in silence before the next thing happens."""
    fences = [way.tries * (way.timeout + way.retry_interval) for way in config.fencings]
    arbiter = config.arbiter
    waits = (
        config.heartbeat_timeout,
        config.fence_delay + sum(fences),
        config.np_wait,
        arbiter.lease + arbiter.renewal if arbiter else 0,
        max(map(_longest_wait, config.groups), default=0),
    )
    return sum(waits[:2]) + max(waits) + 2 * config.heartbeat_interval


def _longest_wait(group: Group) -> int:
    start = group.start_wait if group.start_after else 0
    return max(start, group.stop_wait if group.stop_after else 0)


def soonest(config: ClusterConfig, *, silence: bool) -> int:
    """Give how many ms it takes at least until a fault shows; *silence*: servers fall silent."""
    asking = max((2 * np.interval + np.time for np in config.nps), default=0)
    arbiter = config.arbiter
    renewing = 2 * arbiter.renewal + 3 * arbiter.timeout if arbiter else 0
    missed = config.heartbeat_timeout + 1 + (config.np_wait if config.np_only else 0)
    missed += config.fence_delay if config.fencings and arbiter is None else 0
    return max(asking, renewing, missed if silence else 0)
