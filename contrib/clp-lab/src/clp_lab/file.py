"""The lab file: TOML to a plan; every problem at once, with the key and what it should be."""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from clp_lab import check
from clp_lab.errors import LabError, LabFileError
from clp_lab.plan import BalancerPlan, Plan, ServerPlan, servers

_T = TypeVar("_T")
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s)?")


def milliseconds(value: object) -> int:
    """Read a duration: a number is seconds, a string may say "500 ms" or "1.5 s"."""
    match = _SPAN.fullmatch(str(value).strip())
    if match is None or isinstance(value, bool):
        raise ValueError('expected a duration: seconds as a number, or "500 ms"')
    return round(float(match[1]) * (1 if match[2] == "ms" else 1000))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a string")  # noqa: TRY004 - one error for all readers
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("expected a whole number")  # noqa: TRY004 - one error for all readers
    return value


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")  # noqa: TRY004 - as above
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("expected a list of strings")
    return tuple(value)


def _table(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("expected a table of strings")  # noqa: TRY004 - as above
    return {key: _text(inner) for key, inner in value.items()}


_LAB: Mapping[str, Callable[[object], object]] = {
    "agent": _texts,
    "capture": _text,
    "boot": milliseconds,
    "stop": milliseconds,
    "device": _text,
    "user_namespace": _yes,
    "seed": _number,
    "witness": _text,
    "azure": _text,
    "power": _yes,
    "servers": _number,
}
_SERVER: Mapping[str, Callable[[object], object]] = {
    "address": _text,
    "agent": _texts,
    "environment": _table,
    "start": _yes,
}
_BALANCER: Mapping[str, Callable[[object], object]] = {
    "frontend": _text,
    "port": _number,
    "backend_port": _number,
    "direct": _yes,
    "probe_port": _number,
    "interval": milliseconds,
    "threshold": _number,
    "idle": milliseconds,
    "pool": _texts,
}
_TABLES = ("lab", "server", "balancer", "files")


def load(path: Path) -> Plan:
    """Read a lab file; LabFileError names every problem, one a line."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LabFileError(f"{path}: {error}") from error
    reader = _Reader()
    plan = reader.plan(document, path.parent)
    if reader.problems:
        raise LabFileError("\n".join(f"{path}: {problem}" for problem in reader.problems))
    try:
        check.must_be_sound(plan)
    except LabError as error:
        problems = str(error).split("\n")
        raise LabFileError("\n".join(f"{path}: {problem}" for problem in problems)) from error
    return plan


class _Reader:
    """Collects problems while it reads, so that one run shows them all."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def plan(self, document: Mapping[str, Any], folder: Path) -> Plan:
        self._unknown("the file", document, _TABLES)
        lab = self._values("[lab]", document.get("lab", {}), _LAB)
        count = lab.pop("servers", 2)
        named = self._servers(document.get("server", {}))
        for name in ("capture", "witness", "azure"):
            if name in lab:
                lab[name] = str((folder / lab[name]).absolute())
        balancer = self._values("[balancer]", document.get("balancer", {}), _BALANCER)
        return Plan(
            servers=named or self._try("[lab] servers", count, servers) or servers(),
            balancer=BalancerPlan(**balancer),
            files=self._files(document.get("files", {}), folder),
            **lab,
        )

    def _servers(self, tables: object) -> tuple[ServerPlan, ...]:
        if not isinstance(tables, dict):
            self.problems.append("server: tables named [server.NAME]")
            return ()
        found = []
        for name, table in tables.items():
            values = self._values(f"[server.{name}]", table, _SERVER)
            if "address" not in values:
                self.problems.append(f"[server.{name}] lacks its address, such as 10.5.0.110")
            found.append(ServerPlan(**{"name": name, "address": "", **values}))
        return tuple(found)

    def _files(self, table: object, folder: Path) -> dict[str, str]:
        files = self._try("[files]", table, _table) or {}
        found = {}
        for target, source in files.items():
            path = PurePosixPath(target)
            if path.is_absolute() or ".." in path.parts:
                self.problems.append(f"[files] {target!r}: a path below CLP_ROOT, without '..'")
            if not (folder / source).exists():
                self.problems.append(f"[files] {target!r}: there is no {folder / source}")
            found[target] = str((folder / source).absolute())
        return found

    def _values(
        self, where: str, table: object, readers: Mapping[str, Callable[[object], object]]
    ) -> dict[str, Any]:
        if not isinstance(table, dict):
            self.problems.append(f"{where} is a table")
            return {}
        self._unknown(where, table, tuple(readers))
        read = {
            key: self._try(f"{where} {key}", value, readers[key])
            for key, value in table.items()
            if key in readers
        }
        return {key: value for key, value in read.items() if value is not None}

    def _try(self, where: str, value: Any, read: Callable[[Any], _T]) -> _T | None:  # noqa: ANN401
        try:
            return read(value)
        except (ValueError, LabError) as error:
            self.problems.append(f"{where} = {value!r}: {error}")
            return None

    def _unknown(self, where: str, table: Mapping[str, object], known: tuple[str, ...]) -> None:
        for key in sorted(set(table) - set(known)):
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            self.problems.append(f"{where} has no key {key!r}: {hint}")
