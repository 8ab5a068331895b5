"""``[monitor.*]``: those made with their resources, those of their own, and what they watch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from clpcore.api import Capability, Kind
from clpcore.config import counting, driven, pairs, recovery, settings
from clpcore.config.driven import Given
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.servers import known_servers
from clpcore.config.wording import listed, meant
from clpcore.model.members import Group, Monitor, Resource
from clpcore.model.states import Timing


def read(
    reading: Reading, groups: tuple[Group, ...], servers: tuple[str, ...]
) -> tuple[Monitor, ...]:
    """Give the monitors: those made with resources, then the others, as the files have them.

    Without ``servers`` those of the group look. *servers* are all, best priority first.
    """
    made = pairs.make(reading, groups)
    tables = reading.named(("monitor",))
    scope = _Scope.of(reading, groups, servers)
    for name, pair in made.items():
        reading.document.point(("monitor", name), pair.path)
    for name, table in tables.items():
        _check_type_is_said_once(reading, name, table, made)
    own = [name for name, table in tables.items() if name not in made and "type" in table]
    found = tuple(
        _monitor(scope, name, tables.get(name, {}), made.get(name)) for name in [*made, *own]
    )
    counting.check(reading, found, servers)
    return found


@attrs.frozen
class _Scope:
    """What monitors can name."""

    reading: Reading
    servers: tuple[str, ...]
    groups: Mapping[str, Group]
    resources: Mapping[str, tuple[Resource, ...]]  # one name may be in several groups

    @classmethod
    def of(cls, reading: Reading, groups: tuple[Group, ...], servers: tuple[str, ...]) -> _Scope:
        resources: dict[str, tuple[Resource, ...]] = {}
        for resource in (resource for group in groups for resource in group.resources):
            resources[resource.name] = (*resources.get(resource.name, ()), resource)
        return cls(reading, servers, {group.name: group for group in groups}, resources)


def _check_type_is_said_once(
    reading: Reading, name: str, table: Mapping[str, Any], made: Mapping[str, pairs.Made]
) -> None:
    if name in made and "type" in table:
        what = f"{name} is already there: it is made with {made[name].resource.name}."
        remedy = "Leave type out to adjust it, or give this one another name."
        reading.error(("monitor", name, "type"), what, remedy)
    if name not in made and "type" not in table:
        what = f"No resource makes a monitor {name}, and the table has no type."
        remedy = f"{meant(name, made)} A monitor of its own needs a type.".strip()
        reading.error(("monitor", name), what, remedy, at_key=True)


def _monitor(
    scope: _Scope, name: str, table: Mapping[str, Any], pair: pairs.Made | None
) -> Monitor:
    reading, path = scope.reading, ("monitor", name)
    made_as = pair.type if pair else None
    given = driven.read(reading, path, Kind.MONITOR, table, made_as=made_as)
    target = _target(scope, given, pair)
    group = scope.groups[target.group] if target else None
    looks_on = known_servers(reading, (*path, "servers"), given.core.get("servers", ()))
    looks_on = looks_on or (group.startup_servers if group else ())
    given = _with_settings_of(given, target)
    if not reading.is_wrong((*path, "target")):
        driven.check(reading, given, looks_on or scope.servers)
    always = given.has(Capability.WATCHES_STANDBY)
    derived = {
        "group": group.name if group else "",
        "target": target.name if target else "",
        "servers": looks_on,
        "timing": given.core.get("timing", Timing.ALWAYS if always else Timing.ACTIVE),
        "keeps": given.has(Capability.KEEPS),
        "recovery_target": recovery.target(reading, given, scope.groups, target),
    }
    if target is None and not reading.is_wrong((*path, "target")):
        derived |= _of_the_server(reading, given)
    return Monitor(
        name=name,
        type=given.type,
        settings=given.common,
        per_server=given.per_server,
        **{**given.core, **derived},
    )


def _target(scope: _Scope, given: Given, pair: pairs.Made | None) -> Resource | None:
    group = _said_group(scope, given)
    if pair:
        return _target_of_made(scope.reading, given, pair.resource)
    path = (*given.path, "target")
    types = scope.reading.types.watched_by.get(given.type, ())
    watches = f"resources of type {listed(types, 'or')}" if types else "a resource"
    if "target" not in given.core and not types:
        return None
    if "target" not in given.core:
        remedy = f"Name what it watches: {given.type} watches {watches}."
        scope.reading.error(path, "target is missing.", remedy)
        return None
    target = _resource(scope, path, given.core["target"], group)
    if target and types and target.type not in types:
        what = f"{target.name} is of type {target.type}; {given.type} watches {watches}."
        scope.reading.error(path, what, "Name another resource.")
    return target


def _said_group(scope: _Scope, given: Given) -> str:
    said: str = given.core.get("group", "")
    if said and said not in scope.groups:
        what = f"There is no group {said}."
        scope.reading.error((*given.path, "group"), what, meant(said, scope.groups))
        return ""
    return said


def _target_of_made(reading: Reading, given: Given, resource: Resource) -> Resource:
    for key, value in (("target", resource.name), ("group", resource.group)):
        if given.core.get(key, value) != value and not reading.is_wrong((*given.path, key)):
            what = f"It is made with {resource.name} of {resource.group} and watches that."
            remedy = f"Leave {key} out, or make a monitor of its own under another name."
            reading.error((*given.path, key), what, remedy)
    return resource


def _resource(scope: _Scope, path: Path, name: str, group: str) -> Resource | None:
    """Give the resource called *name*, in *group* if that is not empty; or add an error."""
    found = [each for each in scope.resources.get(name, ()) if group in {"", each.group}]
    if len(found) == 1:
        return found[0]
    if found:
        groups = [each.group for each in found]
        what = f"There is a resource {name} in each of {listed(groups)}."
        scope.reading.error(path, what, f'Say which: group = "{groups[0]}"')
    else:
        where = f" in {group}" if group in scope.groups else ""
        what = f"There is no resource {name}{where}."
        scope.reading.error(path, what, meant(name, scope.resources))
    return None


def _with_settings_of(given: Given, target: Resource | None) -> Given:
    """Let settings that monitor and target share, a port, need no second mention.

    What the monitor's own table gives wins, on every server.
    """
    if given.spec is None or target is None:
        return given
    shared = settings.keys(given.spec.config).keys() - given.common.keys()
    common = {key: value for key, value in target.settings.items() if key in shared}
    per_server = {
        server: {key: value for key, value in values.items() if key in shared}
        for server, values in target.per_server.items()
    }
    servers = sorted(per_server.keys() | given.per_server.keys())
    merged = {
        server: {**per_server.get(server, {}), **given.per_server.get(server, {})}
        for server in servers
    }
    return attrs.evolve(
        given,
        common={**common, **given.common},
        per_server=merged,
        origin=("group", target.group, "resource", target.name),
    )


def _of_the_server(reading: Reading, given: Given) -> dict[str, Any]:
    """Give what is different for a monitor without a target: it watches the server itself."""
    if "group" in given.core:
        what = "It has no target, so that it is about no group."
        reading.error((*given.path, "group"), what, "Name a target as well, or leave group out.")
    if given.core.get("timing") is Timing.ACTIVE:
        what = "It has no target that could be active."
        reading.error((*given.path, "timing"), what, "Name a target, or leave timing out.")
    return {
        "group": "",
        "timing": Timing.ALWAYS,
        "critical": given.core.get("critical", True),
    }
