"""What only the server itself can tell of a configuration: the scripts that it names are here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from clpcore.api import DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.problems import Problem
from clpcore.config.wording import dotted, toml
from clpcore.model.config import ClusterConfig, Resource
from clpcore.model.reasons import Severity


def check_here(
    config: ClusterConfig,
    specs: Mapping[tuple[Kind, str], DriverSpec],
    *,
    scripts: Path,
    server: str,
) -> tuple[Problem, ...]:
    """Find scripts that are not there, or that *server* could not execute.

    A script is a setting with the unit "script": a file name in SCRIPTS/GROUP/RESOURCE, or an
    absolute path; empty means none.

    Args:
        config: what ``load`` gave.
        specs: the driver types.
        scripts: the folder of all scripts, usually /etc/clpcore/scripts.
        server: the server that asks; only groups that it may run are looked at.

    """
    resources = (
        resource
        for group in config.groups
        if server in config.homes[group.name]
        for resource in group.resources
    )
    return tuple(
        problem
        for resource in resources
        if (spec := specs.get((Kind.RESOURCE, resource.type)))
        for problem in _missing(resource, spec, scripts, server)
    )


def _missing(resource: Resource, spec: DriverSpec, scripts: Path, server: str) -> Iterator[Problem]:
    given = resource.settings_for(server)
    for key in settings.keys(spec.config).values():
        name = given.get(key.name, key.default)
        if key.unit == "script" and name:
            path = scripts / resource.group / resource.name / name
            what, remedy = _wrong(path)
            if what:
                yield Problem(
                    severity=Severity.WARNING,
                    what=what,
                    remedy=remedy,
                    key=dotted(("group", resource.group, "resource", resource.name, key.name)),
                    value=toml(name),
                )


def _wrong(path: Path) -> tuple[str, str]:
    if not path.is_file():
        return f"There is no file {path}.", "Put the script there, on every server."
    if not os.access(path, os.X_OK):
        return f"{path} is not executable.", f"chmod +x {path}"
    return "", ""
