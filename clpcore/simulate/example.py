"""The cluster of the scenarios: small numbers, two resources a group, and what to alter in it."""

from __future__ import annotations

import enum
from typing import Any, TypeVar

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.hooks import HookPoint
from clpcore.model.members import (
    COUNTING,
    LOCAL_SERVER,
    Group,
    Heartbeat,
    Monitor,
    Resource,
    Server,
)
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.relations import ExclusionRule, ServerGroup
from clpcore.model.states import Exclusion, Platform, Timing

N = TypeVar("N", ClusterConfig, Group, Resource, Monitor)


def example(servers: int = 2, groups: int = 1) -> ClusterConfig:
    """Give a cluster of *servers* with *groups*; group n has exec-n, and lbpp-n that needs it."""
    numbers = range(1, groups + 1)
    return ClusterConfig(
        name="Cluster1",
        platform=Platform.LAB,
        heartbeat_interval=1_000,
        heartbeat_timeout=5_000,
        startup_wait=30_000,
        servers=tuple(
            Server(name=f"node{n}", priority=n, interconnect=(f"10.5.0.{109 + n}",))
            for n in range(1, servers + 1)
        ),
        heartbeats=(Heartbeat(name="lanhb1", type="lanhb"),),
        groups=tuple(_group(n) for n in numbers),
        monitors=tuple(monitor for n in numbers for monitor in _monitors(n)),
    )


def _group(n: int) -> Group:
    name, below = f"failover{n}", f"exec{n}"
    resources = (
        Resource(name=below, group=name, type="exec"),
        Resource(name=f"lbpp{n}", group=name, type="lbpp", depends_on=(below,)),
    )
    return Group(
        name=name,
        resources=tuple(
            attrs.evolve(each, activate_timeout=20_000, deactivate_timeout=10_000)
            for each in resources
        ),
    )


def _monitors(n: int) -> tuple[Monitor, Monitor]:
    process = Monitor(
        name=f"pidw{n}",
        type="pidw",
        group=f"failover{n}",
        target=f"exec{n}",
        timing=Timing.ACTIVE,
        interval=10_000,
    )
    port = Monitor(
        name=f"lbppw{n}", type="lbppw", group=f"failover{n}", target=f"lbpp{n}", interval=10_000
    )
    return process, port


def ruled(config: ClusterConfig, name: str, rule: str, groups: str) -> ClusterConfig:
    """Give *config* with one exclusion rule more; *groups* with commas between."""
    made = ExclusionRule(name=name, rule=Exclusion(rule), groups=tuple(groups.split(",")))
    return attrs.evolve(config, exclusions=(*config.exclusions, made))


def zoned(config: ClusterConfig, name: str, servers: str) -> ClusterConfig:
    """Give *config* with one server group more; *servers* with commas between."""
    made = ServerGroup(name=name, servers=tuple(servers.split(",")))
    return attrs.evolve(config, server_groups=(*config.server_groups, made))


def resolved(config: ClusterConfig, name: str, kind: str) -> ClusterConfig:
    """Give *config* with one way of NP resolution more."""
    made = NpResolution(name=name, type=kind, interval=2_000, timeout=500, tries=2)
    return attrs.evolve(config, nps=(*config.nps, made))


def fenced(config: ClusterConfig, name: str) -> ClusterConfig:
    """Give *config* with one way of forced stop more."""
    made = Fencing(
        name=name,
        type="script",
        timeout=2_000,
        tries=2,
        retry_interval=500,
        check_interval=600_000,
        check_timeout=1_000,
    )
    return attrs.evolve(config, fencings=(*config.fencings, made), fence_delay=3_000)


def arbitrated(config: ClusterConfig, name: str, lease: int) -> ClusterConfig:
    """Give *config* with an arbiter."""
    made = Arbiter(
        name=name,
        type="witness",
        lease=lease,
        renewal=1_000,
        timeout=500,
        watchdog=2_000,
        reset=200,
        freeze=1_000,
    )
    return attrs.evolve(config, arbiter=made, stop_budget=2_000)


def watched(config: ClusterConfig, name: str, recovery_target: str) -> ClusterConfig:
    """Give *config* with a monitor of the servers themselves."""
    made = Monitor(
        name=name, type="ipw", recovery_target=recovery_target, interval=10_000, critical=True
    )
    return attrs.evolve(config, monitors=(*config.monitors, made))


def counting(config: ClusterConfig, name: str, monitors: str, threshold: int) -> ClusterConfig:
    """Give *config* with a monitor that counts the errors of others; with commas between."""
    made = Monitor(
        name=name,
        type=COUNTING,
        recovery_target=LOCAL_SERVER,
        interval=10_000,
        settings={"monitors": monitors.split(","), "error_threshold": threshold},
    )
    return attrs.evolve(config, monitors=(*config.monitors, made))


def altered(config: ClusterConfig, path: str, text: str) -> ClusterConfig:
    """Give *config* with one value changed.

    Args:
        config: what to change.
        path: ``key`` of the cluster, or ``name.key`` of a group, a resource or a monitor.
        text: the value; tuples as words with commas between.

    Raises:
        KeyError: nothing has that name.

    """
    name, _, key = path.rpartition(".")
    if not name:
        return _with(config, key, text)
    if name not in {each.name for each in _all(config)}:
        raise KeyError(f"nothing is named {name}")
    return attrs.evolve(
        config,
        groups=tuple(_in_group(group, name, key, text) for group in config.groups),
        monitors=tuple(_in(monitor, name, key, text) for monitor in config.monitors),
    )


def _all(config: ClusterConfig) -> tuple[Group | Resource | Monitor, ...]:
    resources = (resource for group in config.groups for resource in group.resources)
    return (*config.groups, *resources, *config.monitors)


def _in_group(group: Group, name: str, key: str, text: str) -> Group:
    resources = tuple(_in(resource, name, key, text) for resource in group.resources)
    return _in(attrs.evolve(group, resources=resources), name, key, text)


def _in(each: N, name: str, key: str, text: str) -> N:
    return _with(each, key, text) if each.name == name else each


def _with(each: N, key: str, text: str) -> N:
    hooks = tuple(map(HookPoint, text.split(","))) if key == "hooks" else None
    changes: dict[str, Any] = {key: hooks or _read(getattr(each, key), text)}
    return attrs.evolve(each, **changes)


def _read(now: object, text: str) -> object:
    """Read *text* as the type that the value has now."""
    match now:
        case bool():
            return {"true": True, "false": False}[text]
        case int():
            return int(text)
        case tuple():
            return tuple(text.split(","))
        case enum.Enum():
            return type(now)(text)
        case _:
            return text
