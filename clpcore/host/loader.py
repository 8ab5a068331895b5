"""Loads plugins, one after the other, so that none can harm the others or the daemon.

pluggy only registers here; the drivers are called directly. Each plugin gets a manager of its own:
one that raises stops no other. Order is by name: the file system must not decide who is refused.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

import attrs
import pluggy

from clpcore import api
from clpcore.host.fitness import Unfit, check_hooks, check_specs
from clpcore.host.registry import Key, Owner, Refused, Registry
from clpcore.host.validating import Validating

logger = logging.getLogger(__name__)

EntryPoints: TypeAlias = tuple[importlib.metadata.EntryPoint, ...]

_GROUP: Final = "clpcore.plugins"
_UNINSTALL: Final = "Mend or uninstall {}, then restart the agent."
_MEND: Final = "Mend or uninstall {}; the log of this process has the traceback."


@attrs.define
class _Collected:
    """The register that a plugin adds its drivers to."""

    specs: list[api.DriverSpec] = attrs.field(factory=list)

    def add(self, spec: api.DriverSpec) -> None:
        self.specs.append(spec)


def entry_points() -> EntryPoints:
    """Give the entry points of all installed plugins, by name; reads the disk, imports nothing."""
    return _ordered(importlib.metadata.entry_points(group=_GROUP))


def _untold(_plugin: str) -> None:
    """Tell nobody."""


def load(
    found: Iterable[importlib.metadata.EntryPoint] | None = None,
    *,
    deadly: Mapping[str, str] | None = None,
    begins: Callable[[str], None] = _untold,
) -> Registry:
    """Load every plugin; whatever is wrong with one is in the answer, never raised.

    A plugin may end or block the process that loads it. A caller that must not suffer from that
    loads in a child, hears there what *begins*, and tries again with what was *deadly*.

    Args:
        found: the entry points; without them those of all installed plugins.
        deadly: plugins that are refused without a look at them, each with the reason.
        begins: called with the name of each plugin whose code runs next: it is loaded, or checks
            its settings; then with an empty text.

    """
    points = entry_points() if found is None else _ordered(found)
    return _load(points, _owner, deadly or {}, begins)


def _load(
    points: EntryPoints,
    owner_of: Callable[[importlib.metadata.EntryPoint], Owner],
    deadly: Mapping[str, str],
    begins: Callable[[str], None],
) -> Registry:
    specs: dict[Key, api.DriverSpec] = {}
    owners: dict[Key, Owner] = {}
    refused: list[Refused] = []
    for _, same_name in itertools.groupby(points, key=lambda point: point.name):
        first, *others = same_name
        owner = owner_of(first)
        refused += [_shadowed(owner_of(other), owner) for other in others]
        if first.name in deadly:
            remedy = _UNINSTALL.format(owner.distribution)
            reason = deadly[first.name]
            refused.append(Refused(first.name, owner.distribution, reason, remedy, deadly=True))
            continue
        begins(first.name)
        try:
            fit = _specs(first, owners, owner)
        except Unfit as unfit:
            refused.append(Refused(first.name, owner.distribution, unfit.reason, unfit.remedy))
            continue
        for spec in fit:
            guarded = Validating(spec=spec, owner=owner, begins=begins)
            specs[spec.kind, spec.name] = attrs.evolve(spec, validate=guarded)
            owners[spec.kind, spec.name] = owner
    return Registry(specs=specs, owners=owners, refused=tuple(refused))


def load_one(plugin: str, found: Iterable[importlib.metadata.EntryPoint] | None = None) -> Registry:
    """Load one plugin, as a worker does; one that is not installed is refused like an unfit one.

    Args:
        plugin: the name of its entry point.
        found: where to look; without it all installed plugins are looked up.

    """
    points = entry_points() if found is None else _ordered(found)
    mine = tuple(point for point in points if point.name == plugin)[:1]
    if mine:
        return _load(mine, _unread_owner, {}, _untold)
    nobody = Refused(plugin, "", f"no plugin {plugin} is installed", "Install it on this server.")
    return Registry(refused=(nobody,))


def _ordered(points: Iterable[importlib.metadata.EntryPoint]) -> EntryPoints:
    return tuple(sorted(points, key=lambda point: (point.name, point.value)))


def _owner(point: importlib.metadata.EntryPoint) -> Owner:
    if point.dist is None:
        return _unread_owner(point)
    return Owner(point.name, point.dist.name, point.dist.version)


def _unread_owner(point: importlib.metadata.EntryPoint) -> Owner:
    """Give the owner without a look at the metadata: that takes a megabyte of every worker."""
    return Owner(point.name, f"module {point.module}", "")


def _shadowed(mine: Owner, first: Owner) -> Refused:
    reason = f"the plugin name {mine.plugin} is taken by {first.distribution}"
    remedy = f"Uninstall {first.distribution} or {mine.distribution}."
    return Refused(mine.plugin, mine.distribution, reason, remedy)


def _specs(
    point: importlib.metadata.EntryPoint, taken: dict[Key, Owner], owner: Owner
) -> list[api.DriverSpec]:
    """Give all drivers of a plugin, or none of them.

    Raises:
        Unfit: the plugin breaks a rule, or raises.

    """
    manager = pluggy.PluginManager("clp")
    manager.add_hookspecs(api.Hooks)
    collected = _Collected()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no answer of ours
            plugin = point.load()
            check_hooks(manager, plugin)
            manager.register(plugin, point.name)
            manager.check_pending()
            manager.hook.clp_register(register=collected)
        check_specs(collected.specs, taken, owner)
    except Unfit:
        raise
    except ImportError as error:
        raise Unfit(
            f"it cannot be imported: {error}", f"Install {owner.distribution} again, with pip."
        ) from error
    except pluggy.PluginValidationError as error:
        raise Unfit(f"it does not fit its hook: {error}", "Mend the plugin.") from error
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        logger.exception("plugin %s", point.name)
        reason = f"it raises {type(error).__name__}: {error}"
        raise Unfit(reason, _MEND.format(owner.distribution)) from error
    return collected.specs
