"""``[server_group.*]``, ``[exclusion.*]``, and groups that wait for groups."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from typing import Any

from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.servers import known_servers
from clpcore.config.wording import listed, meant
from clpcore.model.members import Group
from clpcore.model.relations import ExclusionRule, ServerGroup

# -- servers


def server_groups(reading: Reading) -> tuple[ServerGroup, ...]:
    """Give the server groups in the order of the files."""
    found = []
    for name, table in reading.named(("server_group",)).items():
        path = ("server_group", name)
        values = reading.core(path, ServerGroup, table)
        servers = known_servers(reading, (*path, "servers"), values.get("servers", ()))
        found.append(ServerGroup(name=name, servers=servers))
    return tuple(found)


def homes_of(
    reading: Reading, path: Path, values: Mapping[str, Any], known: tuple[ServerGroup, ...]
) -> tuple[str, ...]:
    """Give the servers of the server groups that the group at *path* names, best first."""
    said = values.get("server_groups", ())
    by_name = {each.name: each for each in known}
    if not said and values.get("manual_between_server_groups"):
        what = "It names no server groups to stay in."
        remedy = 'Name them: server_groups = ["zone1", "zone2"].'
        reading.error((*path, "manual_between_server_groups"), what, remedy)
    of_server: dict[str, str] = {}
    for index, name in enumerate(said):
        here = (*path, "server_groups", index)
        if name not in by_name:
            reading.error(here, f"There is no server group {name}.", meant(name, by_name))
            continue
        for server in by_name[name].servers:
            other = of_server.setdefault(server, name)
            if other != name:
                what = f"{server} is in {other} and in {name}."
                reading.error(here, what, "Use server groups that have no server in common.")
    _check_startup_servers(reading, path, values, of_server)
    return tuple(of_server)


def _check_startup_servers(
    reading: Reading, path: Path, values: Mapping[str, Any], of_server: Mapping[str, str]
) -> None:
    for index, server in enumerate(values.get("startup_servers", ())):
        if of_server and server not in of_server:
            what = f"{server} is in none of its server groups."
            remedy = f"Take it off, or add it to one of {listed(values['server_groups'])}."
            reading.error((*path, "startup_servers", index), what, remedy)


# -- groups


def exclusions(reading: Reading, groups: Iterable[Group]) -> tuple[ExclusionRule, ...]:
    """Give the exclusion rules in the order of the files."""
    known = [group.name for group in groups]
    found = []
    for name, table in reading.named(("exclusion",)).items():
        path = ("exclusion", name)
        values = reading.core(path, ExclusionRule, table)
        if "groups" not in values:
            continue
        members = _groups(reading, (*path, "groups"), values["groups"], known)
        if len(values["groups"]) == 1:
            what = "One group has nothing to be kept apart from."
            reading.error((*path, "groups"), what, "Name two groups or more.")
        found.append(ExclusionRule(name=name, **{**values, "groups": members}))
    return tuple(found)


def check_waits(reading: Reading, groups: tuple[Group, ...]) -> None:
    """Refuse groups that wait for ones that are not there, or for each other."""
    known = [group.name for group in groups]
    for key in ("start_after", "stop_after"):
        waits = {}
        for group in groups:
            path = ("group", group.name, key)
            waits[group.name] = _groups(reading, path, getattr(group, key), known)
        try:
            graphlib.TopologicalSorter(waits).prepare()
        except graphlib.CycleError as error:
            cycle: list[str] = error.args[1]
            what = f"The groups wait for each other: {' before '.join(cycle)}."
            reading.error(("group", cycle[1], key), what, f"Take one of them off a {key}.")


def _groups(
    reading: Reading, path: Path, names: Iterable[str], known: Iterable[str]
) -> tuple[str, ...]:
    """Give those of *names*, the list at *path*, that are groups; each once."""
    found: list[str] = []
    for index, name in enumerate(names):
        if name not in known:
            reading.error((*path, index), f"There is no group {name}.", meant(name, known))
        elif name in found:
            reading.error((*path, index), f"{name} is there twice.", "Name each group once.")
        else:
            found.append(name)
    return tuple(found)
