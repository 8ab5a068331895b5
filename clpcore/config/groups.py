"""``[group.*]`` with their resources: the core's keys, the settings on every home, the order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clpcore.api import Kind
from clpcore.config import dependencies, driven, relations, settings
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.servers import known_servers
from clpcore.model.members import Group, Resource
from clpcore.model.relations import ServerGroup

RESERVED: Final = {  # folders below scripts that are no groups
    "monitor": "monitors",
    "np": "NP resolution",
    "fencing": "the forced stop",
    "arbiter": "the arbiter",
    "heartbeat": "heartbeats",
}


def read(
    reading: Reading, servers: tuple[str, ...], zones: tuple[ServerGroup, ...]
) -> tuple[Group, ...]:
    """Give the groups in the order of the files; *servers* are all, best priority first."""
    return tuple(
        _group(reading, name, table, servers, zones)
        for name, table in reading.named(("group",)).items()
    )


def _group(
    reading: Reading,
    name: str,
    table: Mapping[str, Any],
    servers: tuple[str, ...],
    zones: tuple[ServerGroup, ...],
) -> Group:
    path: Path = ("group", name)
    if name in RESERVED:
        what = f"A group cannot be called {name}: scripts/{name} holds scripts of {RESERVED[name]}."
        reading.error(path, what, "Give it another name.", at_key=True)
    values = reading.core(path, Group, table, more={"resource"})
    homes = known_servers(reading, (*path, "startup_servers"), values.get("startup_servers", ()))
    members = relations.homes_of(reading, path, values, zones)
    known = {zone.name for zone in zones}
    values["server_groups"] = tuple(n for n in values.get("server_groups", ()) if n in known)
    givens = {
        resource: driven.read(reading, (*path, "resource", resource), Kind.RESOURCE, inner)
        for resource, inner in reading.named((*path, "resource")).items()
    }
    if not givens:
        what = f"Group {name} has no resource: it would do nothing."
        reading.warn(path, what, f"Add a [group.{name}.resource.NAME].", at_key=True)
    if name in givens:
        what = (
            f"A resource and its group are both called {name}: a recovery target could be either."
        )
        reading.error((*path, "resource", name), what, "Rename one of them.", at_key=True)
    for given in givens.values():
        driven.check(reading, given, homes or members or servers)
    order = dependencies.resolve(reading, givens)
    resources = tuple(
        _resource(resource, name, given, order[resource]) for resource, given in givens.items()
    )
    return Group(name=name, **{**values, "startup_servers": homes, "resources": resources})


def _resource(name: str, group: str, given: driven.Given, depends_on: tuple[str, ...]) -> Resource:
    return Resource(
        name=name,
        group=group,
        type=given.type,
        settings=given.common,
        per_server=given.per_server,
        lingers=_lingers(given),
        **{**given.core, "depends_on": depends_on},
    )


def _lingers(given: driven.Given) -> int:
    """Give the longest time to live, a setting with the unit "ttl", in ms."""
    known = settings.keys(given.spec.config).values() if given.spec else ()
    keys = [key for key in known if key.unit == "ttl"]
    tables = [given.on(server) for server in ("", *given.per_server)]
    values = [table.get(key.name, key.default) for key in keys for table in tables]
    return max((value * 1_000 for value in values if type(value) is int), default=0)
