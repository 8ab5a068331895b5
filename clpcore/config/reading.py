"""One reading of a configuration folder: its document, the types there are, the problems so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from clpcore.config import settings
from clpcore.config.files import Document
from clpcore.config.positions import Path
from clpcore.config.problems import Problem
from clpcore.config.types import Types
from clpcore.config.wording import dotted, listed, meant, near, toml
from clpcore.model.alerts import Alert
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Monitor, Resource, Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.reasons import Severity
from clpcore.model.relations import ExclusionRule, ServerGroup

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,30}")
_HOMES: Final = {  # where a key of the core is written
    "[cluster]": ClusterConfig,
    "[server.NAME]": Server,
    "[group.NAME]": Group,
    "[group.NAME.resource.NAME]": Resource,
    "[monitor.NAME]": Monitor,
    "[np.NAME]": NpResolution,
    "[fencing.NAME]": Fencing,
    "[arbiter.NAME]": Arbiter,
    "[alert.NAME]": Alert,
    "[exclusion.NAME]": ExclusionRule,
    "[server_group.NAME]": ServerGroup,
}


@attrs.define
class Reading:
    """What all steps of one ``load`` share; each adds its problems."""

    document: Document
    types: Types
    _problems: dict[Problem, None] = attrs.field(factory=dict, init=False)
    _wrong: set[Path] = attrs.field(factory=set, init=False)

    @property
    def problems(self) -> list[Problem]:
        """Give what was found so far; the same thing on two servers is there once."""
        return list(self._problems)

    def error(self, path: Path, what: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Add an error at the value (or the key) of *path*."""
        self._wrong.add(path)
        self._add(Severity.ERROR, path, what, remedy, at_key=at_key)

    def warn(self, path: Path, what: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Add a warning at the value (or the key) of *path*."""
        self._add(Severity.WARNING, path, what, remedy, at_key=at_key)

    def note(self, path: Path, what: str, remedy: str = "", *, at_key: bool = False) -> None:
        """Add what is neither wrong nor a risk, and good to know."""
        self._add(Severity.INFO, path, what, remedy, at_key=at_key)

    def _add(self, severity: Severity, path: Path, what: str, remedy: str, *, at_key: bool) -> None:
        value = self.document.at(path)
        problem = Problem(
            severity=severity,
            what=what,
            remedy=remedy,
            key=dotted(path),
            value="" if value is None or isinstance(value, dict) else toml(value),
            place=self.document.place(path, of_value=not at_key),
        )
        self._problems[problem] = None

    def is_wrong(self, *paths: Path) -> bool:
        """Tell whether one of *paths* has an error: what follows from it would only confuse."""
        return any(wrong[: len(path)] == path for path in paths for wrong in self._wrong)

    def faults(self, path: Path, faults: Iterable[settings.Fault]) -> None:
        """Add what is wrong with the table at *path*."""
        for fault in faults:
            self.error((*path, *fault.path), fault.what, fault.remedy)

    def table(self, path: Path) -> dict[str, Any]:
        """Give the table at *path*; empty when there is none."""
        value = self.document.at(path)
        if value is None or isinstance(value, dict):
            return value or {}
        name = dotted(path)
        self.error(path, f"{name} is not a table.", f"Write its keys under [{name}].", at_key=True)
        return {}

    def named(self, path: Path) -> dict[str, dict[str, Any]]:
        """Give the tables under *path* by their names, in the order of the files."""
        found = {}
        for name, table in self.table(path).items():
            here = (*path, name)
            if not isinstance(table, dict):
                remedy = f"Each {path[-1]} has a table of its own: [{dotted(path)}.NAME]."
                self.error(here, f"{dotted(here)} is not a table.", remedy, at_key=True)
                continue
            self.check_name(here, name)
            found[name] = table
        return found

    def check_name(self, path: Path, name: str) -> None:
        """Add an error if *name* cannot be one: it becomes file names and dotted keys."""
        if not NAME.fullmatch(name):
            remedy = "Use 1 to 31 letters, digits, _ and -; the first is no -."
            self.error(path, f"{toml(name)} cannot be a name.", remedy)

    def core(
        self,
        path: Path,
        cls: type,
        table: Mapping[str, Any],
        *,
        more: Iterable[str] = (),
        examples: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Give the values of the core's keys, wrong ones left out.

        *more* are keys beside them; *examples* are proposed for missing ones in place of their own.
        """
        values, faults = settings.read(cls, table, examples)
        self.faults(path, faults)
        known = {*settings.keys(cls), *more}
        self.unknown(path, set(table) - known, known)
        return values

    def unknown(self, path: Path, names: Iterable[str], known: Iterable[str]) -> None:
        """Add an error for each of *names*, which are none of the *known* keys of the table."""
        for name in sorted(names):
            owners = self.owners(name)
            remedy = meant(name, known) if not owners or near(name, known) else ""
            what = f"[{dotted(path)}] has no key {name}."
            self.error((*path, name), what, f"{remedy} {owners}".strip(), at_key=True)

    def owners(self, name: str) -> str:
        """Give a sentence that tells whose key *name* is; empty when it is nobody's."""
        homes = [home for home, cls in _HOMES.items() if name in settings.keys(cls)]
        homes += self.types.owners(name)
        return f"{name} is a key of {listed(homes)}." if homes else ""
