"""What only a file system can tell of a configuration: the scripts that it names are there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import hooks, settings
from clpcore.config.load import Loaded
from clpcore.config.positions import Path as Keys
from clpcore.config.problems import Problem
from clpcore.config.wording import dotted, toml
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Monitor, Resource
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.reasons import Severity

UNEDITED: Final = "# NOT EDITED YET"
"""How a line begins in scripts of `clp config new` that nobody has filled in."""
_HEAD: Final = 1_000  # bytes in which it stands


def check_here(
    loaded: Loaded,
    specs: Mapping[tuple[Kind, str], DriverSpec],
    *,
    scripts: Path,
    server: str = "",
    edited: Path | None = None,
) -> Loaded:
    """Find scripts that are not there, or that could not be executed; give all problems.

    A script is a setting with the unit "script": a file name in SCRIPTS/GROUP/RESOURCE,
    SCRIPTS/monitor/NAME or SCRIPTS/fencing/NAME, or an absolute path; empty means none. Hooks are
    files there, too.

    Args:
        loaded: what ``load`` gave.
        specs: the driver types.
        scripts: the folder of all scripts, usually /etc/clpcore/scripts.
        server: the one that this machine is: only what it may run is looked at, and what is
            missing is an error. Without one, the folder is a draft for all servers, whose absolute
            paths nobody knows here.
        edited: where an operator edits what lies in *scripts*, if that is a copy.

    """
    if loaded.config is None or loaded.document is None:
        return loaded
    config, document = loaded.config, loaded.document
    missing = Severity.ERROR if server else Severity.WARNING
    return loaded.with_more(
        Problem(
            severity=severity,
            what=what,
            remedy=remedy,
            key=dotted(script.keys),
            value=script.value,
            place=document.place(script.at, of_value=bool(script.value)),
        )
        for name in ([server] if server else config.server_names)
        for script in _scripts(config, specs, scripts, name)
        if server or not Path(script.file).is_absolute()
        for severity, what, remedy in _wrong(scripts, script.file, edited or scripts, missing)
    )


@attrs.frozen(kw_only=True)
class _Script:
    """A script that the key *keys* names, which stands *at*; *file* is below all scripts."""

    keys: Keys
    at: Keys
    file: str
    value: str = ""


def _scripts(
    config: ClusterConfig,
    specs: Mapping[tuple[Kind, str], DriverSpec],
    scripts: Path,
    server: str,
) -> Iterator[_Script]:
    """Give every script that *server* may have to run."""
    config = hooks.found(config, scripts)
    for group in config.groups:
        for resource in group.resources if server in config.homes[group.name] else ():
            spec = specs.get((Kind.RESOURCE, resource.type))
            keys = ("group", group.name, "resource", resource.name)
            yield from _of(resource, keys, f"{group.name}/{resource.name}", spec, server)
    for monitor in config.monitors:
        if monitor.looks_on(server):
            spec = (
                None if _made(config, specs, monitor) else specs.get((Kind.MONITOR, monitor.type))
            )
            yield from _of(
                monitor, ("monitor", monitor.name), f"monitor/{monitor.name}", spec, server
            )
    yield from _of_protection(config, specs, server)


def _of_protection(
    config: ClusterConfig, specs: Mapping[tuple[Kind, str], DriverSpec], server: str
) -> Iterator[_Script]:
    """Give the scripts of NP resolution, forced stop and arbiter; any server may stop any other."""
    for np in (each for each in config.nps if each.asks_on(server)):
        keys, spec = ("np", np.name), specs.get((Kind.PARTITION, np.type))
        yield from _of(np, keys, "/".join(keys), spec, server)
    for fencing in config.fencings:
        keys, spec = ("fencing", fencing.name), specs.get((Kind.FENCE, fencing.type))
        for victim in config.server_names:
            if victim != server and fencing.stops(victim):
                yield from _of(fencing, keys, "/".join(keys), spec, victim)
    if arbiter := config.arbiter:
        keys, spec = ("arbiter", arbiter.name), specs.get((Kind.ARBITER, arbiter.type))
        yield from _of(arbiter, keys, "/".join(keys), spec, server)


def _made(
    config: ClusterConfig, specs: Mapping[tuple[Kind, str], DriverSpec], monitor: Monitor
) -> bool:
    """Tell whether it was made with its target, whose settings, scripts included, it shares."""
    group = config.group_by_name.get(monitor.group)
    target = group.by_name.get(monitor.target) if group else None
    spec = specs.get((Kind.RESOURCE, target.type)) if target else None
    return spec is not None and monitor.type in spec.pairs_with


def _of(
    item: Resource | Monitor | NpResolution | Fencing | Arbiter,
    keys: Keys,
    below: str,
    spec: DriverSpec | None,
    server: str,
) -> Iterator[_Script]:
    given = item.settings_for(server)
    for key in settings.keys(spec.config).values() if spec else ():
        script = given.get(key.name, key.default)
        if key.unit == "script" and script:
            own = key.name in item.per_server.get(server, {})
            yield _Script(
                keys=(*keys, key.name),
                at=(*keys, *(("server", server) if own else ()), key.name),
                file=str(Path(below, str(script))),
                value=toml(given.get(key.name, script)),
            )
    for point in item.hooks if isinstance(item, Resource | Monitor) else ():
        yield _Script(keys=keys, at=keys, file=f"{below}/{point.file}")


def _wrong(
    scripts: Path, file: str, edited: Path, severity: Severity
) -> Iterator[tuple[Severity, str, str]]:
    """Give what is wrong with a script, and the remedy; *severity*: of one that cannot run."""
    path, shown = scripts / file, edited / file
    if link := _link(scripts, file):
        what = f"{edited / link} is a symbolic link, and a revision holds none."
        yield severity, what, "Put the file itself there."
    elif not path.is_file():
        yield severity, f"There is no file {shown}.", "Put the script there."
    elif not os.access(path, os.X_OK):
        yield severity, f"{shown} is not executable.", f"chmod +x {shown}"
    elif _is_unedited(path):
        what = f"{shown} is as clp config new has written it: it does nothing, and succeeds."
        yield Severity.WARNING, what, f'Fill it in, and take out the line with "{UNEDITED}".'


def _is_unedited(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False  # whoever runs it will say why it cannot be read
    return any(line.startswith(UNEDITED.encode()) for line in head.splitlines())


def _link(scripts: Path, file: str) -> Path | None:
    """Give the link on the way to *file*, below *scripts*; elsewhere links do no harm."""
    if Path(file).is_absolute():
        return None
    steps = (Path(file), *Path(file).parents)
    return next((step for step in steps[::-1] if (scripts / step).is_symlink()), None)
