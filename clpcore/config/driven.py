"""Tables that name a driver's type: the core's keys, the driver's settings, values per server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from clpcore.api import Capability, DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.files import Document
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.wording import dotted, meant

Table = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Given:
    """What a table gives: *core* holds checked values, *common* and *per_server* raw ones."""

    path: Path
    type: str
    spec: DriverSpec | None  # None: the type cannot be used, which has been told
    core: Table
    common: Table
    per_server: Mapping[str, Table]
    origin: Path | None = None  # the resource that gave the settings which path does not give

    def on(self, server: str) -> dict[str, Any]:
        """Give the driver's settings on *server*."""
        return {**self.common, **self.per_server.get(server, {})}

    def has(self, capability: Capability) -> bool:
        """Tell whether its type declares *capability*."""
        return self.spec is not None and capability in self.spec.capabilities


def read(
    reading: Reading,
    path: Path,
    kind: Kind,
    table: Table,
    *,
    made_as: str | None = None,
    usual: Table | None = None,
) -> Given:
    """Read the table at *path*.

    Args:
        reading: the reading under way.
        path: where the table is.
        kind: what its type is to drive.
        table: what it holds.
        made_as: the type of a monitor made with its resource.
        usual: defaults of the core's keys that go before the driver's own.

    """
    type_ = made_as if made_as is not None else table.get("type")
    spec = _spec(reading, path, kind, type_)
    known = set(settings.keys(settings.CORE[kind]))
    core, faults = settings.read(settings.CORE[kind], table)
    reading.faults(path, faults)
    common = {key: table[key] for key in table if key not in known | settings.WORDS[kind]}
    per_server = _per_server(reading, (*path, "server"), kind)
    if spec:
        own = set(settings.keys(spec.config))
        reading.unknown(path, set(common) - own, own | known | settings.WORDS[kind])
        common = {key: value for key, value in common.items() if key in own}
        for server, values in per_server.items():
            here = (*path, "server", server)
            reading.unknown(here, set(values) - own - known, own)
            _refuse_core_keys(reading, here, set(values) & known - own)
        per_server = {
            server: {key: value for key, value in values.items() if key in own}
            for server, values in per_server.items()
        }
    return Given(
        path=path,
        type=type_ if isinstance(type_, str) else "",
        spec=spec,
        core={**(spec.defaults if spec else {}), **(usual or {}), **core},
        common=common,
        per_server=per_server,
    )


def _spec(reading: Reading, path: Path, kind: Kind, type_: Any) -> DriverSpec | None:
    here = (*path, "type")
    if type_ is None:
        types = ", ".join(reading.types.of(kind))
        reading.error(here, "type is missing.", f"Say what it is. Types here: {types}.")
        return None
    if not isinstance(type_, str):
        reading.error(here, "A type is a word in quotes.", 'For example: type = "exec"')
        return None
    spec = reading.types.find(kind, type_)
    if spec is None:
        reading.error(here, *reading.types.why_not(kind, type_))
    return spec


def _per_server(reading: Reading, path: Path, kind: Kind) -> dict[str, Table]:
    if "server" not in settings.WORDS[kind]:
        return {}
    servers = reading.table(("server",))
    found: dict[str, Table] = {}
    for name in reading.table(path):
        if name not in servers:
            reading.error(
                (*path, name), f"There is no server {name}.", meant(name, servers), at_key=True
            )
        else:
            found[name] = reading.table((*path, name))
    return found


def _refuse_core_keys(reading: Reading, path: Path, names: Iterable[str]) -> None:
    for name in sorted(names):
        what = f"{name} is the same on every server."
        remedy = f"Write it once, under [{dotted(path[:-2])}]."
        reading.error((*path, name), what, remedy, at_key=True)


def check(reading: Reading, given: Given, servers: Iterable[str]) -> None:
    """Build and validate the driver's settings as each of *servers* will see them."""
    if given.spec is None:
        return
    for server in servers if given.per_server else ("",):  # without values of their own all are one
        _, faults = settings.build(given.spec, given.on(server))
        for fault in faults:
            where = _where(reading.document, given, server, fault.path)
            if not _is_told(reading, given, server, where):
                tell = reading.warn if fault.risk else reading.error
                tell(where, fault.what, fault.remedy)


def _where(document: Document, given: Given, server: str, path: Path) -> Path:
    """Give the full path of a setting: where it was given, or where it would be."""
    for base in filter(None, (given.path, given.origin)):
        for table in ((*base, "server", server), base):
            if path and document.at((*table, path[0])) is not None:
                return (*table, *path)
    return (*given.path, "server", server, *path) if server else (*given.path, *path)


def _is_told(reading: Reading, given: Given, server: str, where: Path) -> bool:
    """Tell whether a missing setting should have come from the origin, which lacks it too."""
    if given.origin is None or reading.document.at(where) is not None:
        return False
    key = where[-1:]
    return reading.is_wrong((*given.origin, *key), (*given.origin, "server", server, *key))
