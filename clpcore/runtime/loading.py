"""Reads the configuration in a process of its own.

Configuration cannot be read without the plugins, and the agent must not load them: their code
would stay in it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from clpcore.api import Kind
from clpcore.model.config import ClusterConfig
from clpcore.model.revisions import Revision
from clpcore.runtime.apart import Apart, NoResultError
from clpcore.runtime.places import Root, Whereabouts

if TYPE_CHECKING:
    from clpcore import config
    from clpcore.host import Registry

_PATIENCE: Final = 15.0  # seconds for one plugin, or for the configuration after them


class LoadingError(Exception):
    """The process that reads the configuration gave no answer; says why."""


@attrs.frozen(kw_only=True)
class Loaded:
    """What was read. *report* is what ``clp config check`` prints.

    *revision* is the committed one, or with *first* the staged one that is to be. *edited* says how
    the working copy differs from it.
    """

    config: ClusterConfig | None
    report: str
    owners: Mapping[tuple[Kind, str], str]  # plugin by kind and type
    plugins: Mapping[str, Any]
    facts: Mapping[str, Any]
    revision: Revision | None = None
    first: bool = False
    edited: str = ""


@attrs.frozen
class Loading:
    """The reading, which goes on beside the caller until ``result``."""

    _apart: Apart[Loaded]

    @classmethod
    def begin(cls, where: Whereabouts) -> Loading:
        """Begin; the caller has one thread until it has the result."""
        return cls(Apart.begin(functools.partial(_load, where), _PATIENCE))

    def result(self) -> Loaded:
        """Wait for the answer.

        Raises:
            LoadingError: there is none, although every plugin that may be why is refused.

        """
        try:
            return self._apart.result()
        except NoResultError as why:
            raise LoadingError(f"{why}: see the log above") from None


def _load(where: Whereabouts, registry: Registry) -> Loaded:
    from clpcore import config  # noqa: PLC0415 - only the process apart needs it
    from clpcore.runtime.revisions import beginning  # noqa: PLC0415 - the same

    root = where.root
    try:
        begun = beginning.begin(root)
        folder = begun.conf if begun else root.conf
        loaded = config.load(folder, registry.specs, registry.refused)
        if begun is None:
            loaded = _usable_here(loaded, where, registry)
        if begun is None and loaded.config is not None:
            begun = beginning.first(root)
    except beginning.Unusable as error:
        return Loaded(config=None, report=str(error), owners={}, plugins={}, facts={})
    drivers = [
        {
            "kind": spec.kind.value,
            "name": spec.name,
            "summary": spec.summary,
            **attrs.asdict(registry.owners[key]),
        }
        for key, spec in registry.specs.items()
    ]
    refused = [attrs.asdict(each) for each in registry.refused]
    return Loaded(
        config=loaded.config,
        report=config.render(loaded.problems, loaded.config),
        owners={key: owner.plugin for key, owner in registry.owners.items()},
        plugins={"drivers": drivers, "refused": refused},
        facts=_facts(root, folder, begun.revision if begun else None),
        revision=begun.revision if begun else None,
        first=begun is not None and begun.first,
        edited=begun.edited if begun else "",
    )


def _usable_here(loaded: config.Loaded, where: Whereabouts, registry: Registry) -> config.Loaded:
    """Look for the scripts of this server, too, as an apply does: no revision begins without them.

    Started without them, a group could be neither activated nor deactivated, and the server would
    be taken down for that.
    """
    from clpcore import config  # noqa: PLC0415 - only the process apart needs it

    if loaded.config is None or where.server not in loaded.config.server_by_name:
        return loaded
    scripts = where.root.scripts
    return config.check_here(loaded, registry.specs, scripts=scripts, server=where.server)


def _facts(root: Root, folder: Path, revision: Revision | None) -> dict[str, Any]:
    """Give what identifies the configuration that is used, and where the working copy is."""
    return {
        "folder": str(root.conf),
        "files": sorted(path.name for path in folder.glob("*.toml")),
        "revision": revision.number if revision else 0,
        "sha256": revision.digest if revision else "",
    }
