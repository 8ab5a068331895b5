"""What only a file system can tell of a configuration: the scripts that it names are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from clpcore.api import DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.files import Document
from clpcore.config.load import Loaded
from clpcore.config.problems import Problem
from clpcore.config.wording import dotted, toml
from clpcore.model.config import Resource
from clpcore.model.reasons import Severity


def check_here(
    loaded: Loaded,
    specs: Mapping[tuple[Kind, str], DriverSpec],
    *,
    scripts: Path,
    server: str = "",
) -> Loaded:
    """Find scripts that are not there, or that could not be executed; give all problems.

    A script is a setting with the unit "script": a file name in SCRIPTS/GROUP/RESOURCE, or an
    absolute path; empty means none.

    Args:
        loaded: what ``load`` gave.
        specs: the driver types.
        scripts: the folder of all scripts, usually /etc/clpcore/scripts.
        server: the one that this machine is: only groups that it may run are looked at. Without
            one, the folder is a draft for all servers, whose absolute paths nobody knows here.

    """
    if loaded.config is None or loaded.document is None:
        return loaded
    config, document = loaded.config, loaded.document
    return loaded.with_more(
        problem
        for name in ([server] if server else config.server_names)
        for group in config.groups
        if name in config.homes[group.name]
        for resource in group.resources
        for key, script in _named(resource, specs, name)
        if server or not Path(script).is_absolute()
        for problem in _missing(document, resource, key, name, scripts / _of(resource) / script)
    )


def _of(resource: Resource) -> Path:
    return Path(resource.group, resource.name)


def _named(
    resource: Resource, specs: Mapping[tuple[Kind, str], DriverSpec], server: str
) -> Iterator[tuple[str, str]]:
    """Give the keys of *resource* that name a script on *server*, and the script."""
    spec = specs.get((Kind.RESOURCE, resource.type))
    given = resource.settings_for(server)
    for key in settings.keys(spec.config).values() if spec else ():
        script = given.get(key.name, key.default)
        if key.unit == "script" and script:
            yield key.name, str(script)


def _missing(
    document: Document, resource: Resource, key: str, server: str, script: Path
) -> Iterable[Problem]:
    what, remedy = _wrong(script)
    if not what:
        return
    path = ("group", resource.group, "resource", resource.name)
    own = key in resource.per_server.get(server, {})
    yield Problem(
        severity=Severity.WARNING,
        what=what,
        remedy=remedy,
        key=dotted((*path, key)),
        value=toml(resource.settings_for(server).get(key, script.name)),
        place=document.place((*path, *(("server", server) if own else ()), key), of_value=True),
    )


def _wrong(path: Path) -> tuple[str, str]:
    if not path.is_file():
        return f"There is no file {path}.", "Put the script there, on every server."
    if not os.access(path, os.X_OK):
        return f"{path} is not executable.", f"chmod +x {path}"
    return "", ""
