"""What single tables cannot tell: platforms and ports."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from clpcore.api import Capability, Kind
from clpcore.config import settings
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Resource
from clpcore.model.ports import ORDERS_TCP
from clpcore.model.states import Platform


def check(reading: Reading, config: ClusterConfig) -> None:
    """Add what is wrong or risky with the configuration as a whole."""
    if config.platform is Platform.AZURE and not reading.is_wrong(("cluster", "platform")):
        _check_azure(reading, config)
    _check_ports(reading, config)


def _check_azure(reading: Reading, config: ClusterConfig) -> None:
    for kind, path, type_ in _typed(config):
        spec = reading.types.find(kind, type_)
        if spec and Capability.NOT_ON_AZURE in spec.capabilities:
            what = f"{type_} does not work on Azure."
            remedy = 'Use another type, or say where it runs: [cluster] platform = "onpremises".'
            reading.error((*path, "type"), what, remedy)


def _typed(config: ClusterConfig) -> Iterator[tuple[Kind, Path, str]]:
    for heartbeat in config.heartbeats:
        yield Kind.HEARTBEAT, ("heartbeat", heartbeat.name), heartbeat.type
    for np in config.nps:
        yield Kind.PARTITION, ("np", np.name), np.type
    for fencing in config.fencings:
        yield Kind.FENCE, ("fencing", fencing.name), fencing.type
    if config.arbiter:
        yield Kind.ARBITER, ("arbiter", config.arbiter.name), config.arbiter.type
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
