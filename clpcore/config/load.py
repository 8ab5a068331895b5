"""A folder of TOML files -> the cluster's configuration, or every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import (
    alerts,
    checks,
    files,
    groups,
    hooks,
    monitors,
    profiles,
    protection,
    relations,
    safety,
    servers,
)
from clpcore.config.problems import Problem
from clpcore.config.reading import Reading
from clpcore.config.types import Refusal, Types
from clpcore.config.wording import meant
from clpcore.model.config import ClusterConfig
from clpcore.model.reasons import Severity
from clpcore.model.states import Profile

_TABLES: Final = (
    *("cluster", "server", "heartbeat", "group", "monitor", "alert"),
    *("np", "fencing", "arbiter", "exclusion", "server_group"),
)
_LATER: Final = ("mdc",)  # a later version's


@attrs.frozen
class Loaded:
    """What a folder says; there is no configuration when one of the problems is an error.

    *document* knows where each key stands; there is none when a file could not be read.
    """

    config: ClusterConfig | None
    problems: tuple[Problem, ...]  # by file and line
    document: files.Document | None = attrs.field(default=None, eq=False, repr=False)

    def with_more(self, problems: Iterable[Problem]) -> Loaded:
        """Give the same with more *problems*, each at its place, and once."""
        found = dict.fromkeys([*self.problems, *problems])
        wrong = any(problem.severity is Severity.ERROR for problem in found)
        return attrs.evolve(
            self,
            config=None if wrong else self.config,
            problems=tuple(sorted(found, key=_in_reading_order)),
        )


def load(
    folder: Path | str,
    specs: Mapping[tuple[Kind, str], DriverSpec],
    refused: Iterable[Refusal] = (),
) -> Loaded:
    """Read ``*.toml`` in *folder* and check all of it.

    Args:
        folder: usually /etc/clpcore/conf.d.
        specs: the driver types that may be named.
        refused: plugins that the host did not take: the reason why a type is missing.

    """
    document, problems = files.read(Path(folder))
    if document is None:
        return Loaded(None, ()).with_more(problems)
    reading = Reading(document, Types.sort(specs, refused))
    config = hooks.found(_config(reading), Path(folder).parent / "scripts")
    return Loaded(config, (), document).with_more([*problems, *reading.problems])


def _in_reading_order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def _config(reading: Reading) -> ClusterConfig:
    """Make the configuration; what is wrong is left at its default, for the checks that follow."""
    _refuse_unknown_tables(reading)
    cluster = reading.core(("cluster",), ClusterConfig, reading.table(("cluster",)))
    profile: Profile = cluster.get("profile", Profile.AZURE)
    if "name" in cluster:
        reading.check_name(("cluster", "name"), cluster["name"])
    members = servers.read(reading)
    names = tuple(server.name for server in members)
    zones = relations.server_groups(reading)
    grouped = groups.read(reading, names, zones)
    relations.check_waits(reading, grouped)
    heartbeats = servers.heartbeats(reading, members)
    whole: dict[str, Any] = {
        "name": "",
        **profiles.defaults(profile, "cluster"),
        **cluster,
        "servers": members,
        "heartbeats": heartbeats,
        "nps": protection.nps(reading, profile, names, heartbeats),
        "fencings": protection.fencings(reading, profile, names),
        "arbiter": protection.arbiter(reading, profile, names),
        "groups": grouped,
        "monitors": monitors.read(reading, grouped, names),
        "alerts": alerts.read(reading),
        "exclusions": relations.exclusions(reading, grouped),
        "server_groups": zones,
    }
    config = ClusterConfig(**whole)
    checks.check(reading, config)
    safety.check(reading, config)
    alerts.check_metrics(reading, config)
    return config


def _refuse_unknown_tables(reading: Reading) -> None:
    for name, table in reading.document.tables.items():
        if name in _LATER:
            what = f"This version of clpcore does not know {name}: nothing would act on it."
            reading.error((name,), what, "Take it out, and do not count on it.", at_key=True)
        elif name not in _TABLES and isinstance(table, dict):
            reading.error((name,), f"There is no table {name}.", meant(name, _TABLES), at_key=True)
        elif name not in _TABLES:
            remedy = reading.owners(name) or "Move it below the name of its table: [cluster]."
            reading.error((name,), f"{name} stands above all tables.", remedy, at_key=True)
