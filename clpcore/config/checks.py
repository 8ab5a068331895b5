"""What single tables cannot tell: rules between keys, platforms, ports; and the risks taken."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

from clpcore.api import Capability, Kind
from clpcore.config import settings
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.wording import duration
from clpcore.model.config import ClusterConfig, Resource
from clpcore.model.ports import ORDERS_TCP
from clpcore.model.states import Platform

_FREEZE: Final = 30_000  # ms that Azure may pause a machine (reference/ha.md 6.2)
_BEATS: Final = 3  # heartbeats that may be lost


def check(reading: Reading, config: ClusterConfig) -> None:
    """Add what is wrong or risky with the configuration as a whole."""
    _check_timing(reading, config)
    _warn_of_takeover(reading, config)
    if config.platform is Platform.AZURE and not reading.is_wrong(("cluster", "platform")):
        _check_azure(reading, config)
    _check_ports(reading, config)


def _check_timing(reading: Reading, config: ClusterConfig) -> None:
    interval, timeout = config.heartbeat_interval, config.heartbeat_timeout
    if reading.is_wrong(("cluster", "heartbeat_interval"), ("cluster", "heartbeat_timeout")):
        return
    if _BEATS * interval > timeout:
        product = f"{_BEATS} x {duration(interval)} = {duration(_BEATS * interval)}"
        what = f"heartbeat_timeout is {duration(timeout)}, less than 3 heartbeats: {product}."
        remedy = f"Give heartbeat_timeout {duration(_BEATS * interval)} or more, or beat faster."
        reading.error(("cluster", "heartbeat_timeout"), what, remedy)


def _warn_of_takeover(reading: Reading, config: ClusterConfig) -> None:
    path = ("cluster", "unproven_takeover")
    if config.unproven_takeover:
        what = (
            "A GROUP CAN RUN ON TWO SERVERS AT ONCE, AND WHAT IT WRITES CAN BE DESTROYED: when "
            "only the network fails, each side takes the silent other for stopped."
        )
        remedy = "Keep it only where two active servers do no harm."
        reading.warn(path, what, remedy)
    elif len(config.servers) > 1 and config.groups:
        what = (
            "When a server falls silent, its groups wait until it is back or an operator says "
            "that it is stopped: nothing in this configuration can prove it."
        )
        remedy = (
            "This version has no fencing and no arbiter. unproven_takeover = true takes over "
            "without proof, at the price of a group that may run twice."
        )
        reading.warn(path, what, remedy)


def _check_azure(reading: Reading, config: ClusterConfig) -> None:
    timeout = config.heartbeat_timeout
    timing = ("cluster", "heartbeat_timeout")
    if timeout <= _FREEZE:
        what = (
            f"Azure may pause a machine for up to {duration(_FREEZE)} during maintenance; with a "
            f"heartbeat_timeout of {duration(timeout)} a paused server counts as silent."
        )
        remedy = f"Give it well over {duration(_FREEZE)}; the default is 90 s."
        reading.warn(timing, what, remedy)
    for kind, path, type_ in _typed(config):
        spec = reading.types.find(kind, type_)
        if spec and Capability.NOT_ON_AZURE in spec.capabilities:
            what = f"{type_} does not work on Azure."
            remedy = 'Use another type, or say where it runs: [cluster] platform = "onpremises".'
            reading.error((*path, "type"), what, remedy)


def _typed(config: ClusterConfig) -> Iterator[tuple[Kind, Path, str]]:
    for heartbeat in config.heartbeats:
        yield Kind.HEARTBEAT, ("heartbeat", heartbeat.name), heartbeat.type
    for resource in _resources(config):
        yield Kind.RESOURCE, _path(resource), resource.type
    for monitor in config.monitors:
        yield Kind.MONITOR, ("monitor", monitor.name), monitor.type


def _resources(config: ClusterConfig) -> Iterator[Resource]:
    return (resource for group in config.groups for resource in group.resources)


def _path(resource: Resource) -> Path:
    return ("group", resource.group, "resource", resource.name)


def _check_ports(reading: Reading, config: ClusterConfig) -> None:
    """Refuse a TCP port, a setting with the unit "port", that two would listen on."""
    owners: dict[tuple[str, Any], Path] = {}
    for resource in _resources(config):
        spec = reading.types.find(Kind.RESOURCE, resource.type)
        keys = settings.keys(spec.config).values() if spec else ()
        ports = [key for key in keys if key.unit == "port"]
        for server, key in itertools.product(config.homes[resource.group], ports):
            port = resource.settings_for(server).get(key.name, key.default)
            own = key.name in resource.per_server.get(server, {})
            path = (*_path(resource), *(("server", server) if own else ()), key.name)
            if port == ORDERS_TCP:
                what = f"Port {port} is the one on which the servers talk to each other."
                reading.error(path, what, "Use another port.")
            elif (owner := owners.setdefault((server, port), _path(resource))) != _path(resource):
                what = f"{owner[-1]} of {owner[1]} listens on port {port} as well."
                reading.error(path, what, "Give each resource a port of its own.")
