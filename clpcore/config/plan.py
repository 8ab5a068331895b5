"""What a new configuration changes, and what each change does to a running cluster: pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import attrs

from clpcore.config import safety
from clpcore.config.groups import RESERVED
from clpcore.config.revision import SCRIPTS, Files
from clpcore.config.wording import listed
from clpcore.model.alerts import Alert
from clpcore.model.config import ClusterConfig
from clpcore.model.hooks import HookPoint
from clpcore.model.members import Group, Monitor, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.relations import ExclusionRule, ServerGroup

_Named = TypeVar(
    "_Named",
    Alert,
    Arbiter,
    ExclusionRule,
    Fencing,
    Group,
    Monitor,
    NpResolution,
    Resource,
    Server,
    ServerGroup,
)

_KEYS: Final = frozenset(  # of [cluster]; the other fields are tables of their own
    field.name for field in attrs.fields(ClusterConfig) if field.metadata
)
_HOOKS: Final = frozenset(point.file for point in HookPoint)
# What all servers must begin to use together.
_TOGETHER: Final = frozenset(
    {
        "freeze_timeout",
        "heartbeat_interval",
        "heartbeat_timeout",
        "on_fence_failure",
        "stop_budget",
    }
)
# What the core alone reads: a resource that is active stays as it is.
_CORE: Final = frozenset(
    field.name
    for field in attrs.fields(Resource)
    if field.name.startswith(("activation_", "deactivation_"))
    or field.name.endswith("_timeout")
    or field.name == "hooks"
)


class Effect(enum.Enum):
    """What a change does when it is applied."""

    RUNNING = "at run time"
    PAUSE = "heartbeats pause"
    RESTART = "restarts the group"
    STOP = "stops the group"
    STOPPED = "needs the server stopped"
    NEVER = "cannot be applied"


@attrs.frozen
class Change:
    """One change; *about* is the group or server that the effect is on, else empty."""

    what: str
    effect: Effect = Effect.RUNNING
    about: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give it in plain JSON types."""
        return {"what": self.what, "effect": self.effect.value, "about": self.about}


def plan(
    old: ClusterConfig, new: ClusterConfig, files: tuple[Files, Files] = ({}, {})
) -> tuple[Change, ...]:
    """Give what changes from *old* to *new*, of which *files* are the bundles' files."""
    found = [
        *_cluster(old, new),
        *_servers(old, new),
        *_groups(old, new),
        *_monitors(old, new),
        *_others(old, new),
        *_scripts(old, new, files),
    ]
    return tuple(dict.fromkeys(found))


def groups(changes: Iterable[Change], *effects: Effect) -> tuple[str, ...]:
    """Give the groups, each once, on which one of *effects* is."""
    return tuple(dict.fromkeys(each.about for each in changes if each.effect in effects))


def _differing(
    old: attrs.AttrsInstance, new: attrs.AttrsInstance, but: Iterable[str] = ()
) -> list[str]:
    """Give the names of the fields in which two values of one class differ."""
    names = [field.name for field in attrs.fields(type(old)) if field.name not in but]
    return [name for name in names if getattr(old, name) != getattr(new, name)]


def _by_name(items: Iterable[_Named]) -> dict[str, _Named]:
    return {item.name: item for item in items}


def _both(
    old: Iterable[_Named], new: Iterable[_Named]
) -> tuple[list[_Named], list[_Named], list[tuple[_Named, _Named]]]:
    """Give what was removed, what was added, and what is there in both."""
    before, after = _by_name(old), _by_name(new)
    return (
        [each for name, each in before.items() if name not in after],
        [each for name, each in after.items() if name not in before],
        [(before[name], each) for name, each in after.items() if name in before],
    )


def _cluster(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    for name in (name for name in _differing(old, new) if name in _KEYS):
        what = f"[cluster] {name}: {_shown(getattr(old, name))} -> {_shown(getattr(new, name))}"
        if name == "name":
            # It is bound into the keys: agents of the two names do not understand each other.
            yield Change(what, Effect.NEVER)
        else:
            yield Change(what, Effect.PAUSE if name in _TOGETHER else Effect.RUNNING)
    if old.heartbeats != new.heartbeats:
        yield Change("the heartbeat paths change", Effect.PAUSE)


def _shown(value: object) -> str:
    return str(value.value if isinstance(value, enum.Enum) else value)


def _servers(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    gone, added, both = _both(old.servers, new.servers)
    for server in gone:
        yield Change(f"server {server.name} is removed", Effect.STOPPED, server.name)
    for server in added:
        yield Change(f"server {server.name} is new: it joins when its agent starts")
    for before, after in both:
        if names := _differing(before, after):
            effect = Effect.PAUSE if "interconnect" in names else Effect.RUNNING
            yield Change(f"server {after.name}: {listed(names)}", effect)


def _groups(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    gone, added, both = _both(old.groups, new.groups)
    for group in gone:
        yield Change(f"group {group.name} is removed", Effect.STOP, group.name)
    for group in added:
        yield Change(f"group {group.name} is new")
    for before, after in both:
        if names := _differing(before, after, ("resources",)):
            # A group may not stay where it has no home any more.
            left = set(old.homes[before.name]) - set(new.homes[after.name])
            effect = Effect.RESTART if left & set(new.server_names) else Effect.RUNNING
            yield Change(f"group {after.name}: {listed(names)}", effect, _if(effect, after.name))
        yield from _resources(before, after)


def _if(effect: Effect, about: str) -> str:
    return "" if effect is Effect.RUNNING else about


def _resources(old: Group, new: Group) -> Iterator[Change]:
    gone, added, both = _both(old.resources, new.resources)
    words = [(gone, "is removed"), (added, "is new")]
    for resource, word in ((each, word) for found, word in words for each in found):
        what = f"resource {resource.name} of {new.name} {word}"
        yield Change(what, Effect.RESTART, new.name)
    for before, after in both:
        if names := _differing(before, after):
            effect = Effect.RUNNING if _CORE.issuperset(names) else Effect.RESTART
            what = f"resource {after.name} of {new.name}: {listed(_keys(before, after, names))}"
            yield Change(what, effect, _if(effect, new.name))


def _keys(old: Resource | Monitor, new: Resource | Monitor, names: Iterable[str]) -> Iterator[str]:
    """Give the names of changed fields; of the settings, those that differ."""
    for name in names:
        if name == "settings":
            yield from _changed(old.settings, new.settings)
        elif name == "per_server":
            yield from (f"server.{server}" for server in _changed(old.per_server, new.per_server))
        else:
            yield name


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))


def _monitors(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    gone, added, both = _both(old.monitors, new.monitors)
    yield from (Change(f"monitor {monitor.name} is removed") for monitor in gone)
    yield from (Change(f"monitor {monitor.name} is new") for monitor in added)
    for before, after in both:
        if names := _differing(before, after):
            yield Change(f"monitor {after.name}: {listed(_keys(before, after, names))}")


def _others(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    yield from _named("NP resolution", old.nps, new.nps)
    yield from _named("forced stop", old.fencings, new.fencings)
    yield from _arbiter(old, new)
    yield from _named("alert", old.alerts, new.alerts)
    yield from _named("exclusion rule", old.exclusions, new.exclusions)
    yield from _named("server group", old.server_groups, new.server_groups)


def _arbiter(old: ClusterConfig, new: ClusterConfig) -> Iterator[Change]:
    """Tell of the arbiter, and of a policy that changes with it or with the forced stop.

    Another arbiter has no records: what is held under the old one has to be given back first, and
    is claimed anew. Where only times change, all servers must begin to count by them together.
    """
    before, after = old.arbiter, new.arbiter
    changes = [*_named("arbiter", _maybe(before), _maybe(after))]
    if _place(before) != _place(after):
        groups = [group.name for group in new.groups if group.name in old.group_by_name]
        for name in groups:
            yield Change(f"who may serve {name} is claimed anew", Effect.RESTART, name)
        yield from changes
    else:
        yield from (attrs.evolve(each, effect=Effect.PAUSE) for each in changes)
    was, now = safety.policy(old), safety.policy(new)
    if was != now:
        yield Change(f"takeovers rest on another policy: {was} -> {now}", Effect.PAUSE)


def _place(arbiter: Arbiter | None) -> tuple[object, ...] | None:
    """Give what tells one store of records from another, and whether it counts leases."""
    if arbiter is None:
        return None
    return arbiter.type, arbiter.settings, arbiter.per_server, arbiter.lease > 0


def _maybe(arbiter: Arbiter | None) -> tuple[Arbiter, ...]:
    return () if arbiter is None else (arbiter,)


def _named(word: str, old: Iterable[_Named], new: Iterable[_Named]) -> Iterator[Change]:
    gone, added, both = _both(old, new)
    yield from (Change(f"{word} {each.name} is removed") for each in gone)
    yield from (Change(f"{word} {each.name} is new") for each in added)
    yield from (Change(f"{word} {after.name} changes") for before, after in both if before != after)


def _scripts(
    old: ClusterConfig, new: ClusterConfig, files: tuple[Files, Files]
) -> Iterator[Change]:
    before, after = files
    paths = (path for path in sorted({*before, *after}) if before.get(path) != after.get(path))
    for path in (path for path in paths if path.startswith(f"{SCRIPTS}/")):
        yield Change(path, *_of_script(path, old, new))


def _of_script(path: str, old: ClusterConfig, new: ClusterConfig) -> tuple[Effect, str]:
    """Give the effect of a changed script, and the group that it is on."""
    _, first, *rest = path.split("/")
    group = new.group_by_name.get(first)
    if first in RESERVED or group is None or first not in old.group_by_name:
        return Effect.RUNNING, ""
    if rest[-1:] and rest[-1] in _HOOKS:
        return Effect.RUNNING, ""
    if len(rest) > 1 and rest[0] not in group.by_name:
        return Effect.RUNNING, ""
    return Effect.RESTART, first
