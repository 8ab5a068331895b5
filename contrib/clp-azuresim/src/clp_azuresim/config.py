"""The file of an Azure: TOML to a plan; every problem at once, with its key and the remedy."""

import difflib
import ipaddress
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from clp_azuresim.plan import BalancerPlan, Plan

_PLACE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[0-9A-Za-z.-]+):(\d{1,5})", re.ASCII)
_MOST_PORT = 65_535
_SERVERS = 4
_WORDS: Mapping[type, str] = {
    str: 'text, as "node1"',
    int: "a whole number, as 5",
    float: "a number, as 0.5",
    bool: "true or false",
    Path: 'a path, as "sp.pem"',
}


class Wrong(Exception):
    """The file cannot be used; one problem a line."""


def load(file: Path) -> Plan:
    """Read a file; paths in it are relative to it.

    Raises:
        Wrong: with every problem.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise Wrong(f"{file}: {problem}") from problem
    reader = _Reader(file.parent)
    plan = reader.value(Plan, document, "")
    problems = reader.problems or list(_contradictions(plan))
    if problems:
        raise Wrong("\n".join(f"{file}: {problem}" for problem in problems))
    return typing.cast("Plan", plan)


class _Reader:
    """Makes plans of tables by the fields of the plans; collects problems while it reads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def value(self, kind: Any, raw: object, where: str) -> Any:  # noqa: ANN401 - any field's
        """Give what a field of this type gets; a problem is noted and gives None."""
        if attrs.has(kind):
            return self._plan(kind, raw, where)
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is tuple:
            return self._several(inner[0], raw, where)
        if origin is Mapping:
            return self._texts(raw, where)
        if origin is not None:  # a path or nothing: nothing is not written
            kind = inner[0]
        fits = isinstance(raw, str) if kind is Path else isinstance(raw, kind)
        fits = fits or (kind is float and isinstance(raw, int))
        if not fits or (isinstance(raw, bool) and kind is not bool):
            self.problems.append(f"{where} = {raw!r}: write {_WORDS[kind]}")
            return None
        return self._folder / str(raw) if kind is Path else raw

    def _several(self, kind: Any, raw: object, where: str) -> tuple[Any, ...]:  # noqa: ANN401
        """Read a list, or the tables of things that have names."""
        if attrs.has(kind) and "name" in attrs.fields_dict(kind):
            if not isinstance(raw, dict):
                self.problems.append(f"{where}: write a table for each, as [{where}.NAME]")
                return ()
            return tuple(
                self._plan(kind, table, f"{where}.{name}", name=name) for name, table in raw.items()
            )
        if not isinstance(raw, list):
            example = f"[[{where}]]" if attrs.has(kind) else f'{where} = ["..."]'
            self.problems.append(f"{where}: write a list, as {example}")
            return ()
        return tuple(self.value(kind, one, f"{where}[{i}]") for i, one in enumerate(raw))

    def _texts(self, raw: object, where: str) -> dict[str, str]:
        if isinstance(raw, dict) and all(isinstance(text, str) for text in raw.values()):
            return raw
        self.problems.append(f'{where}: write a table of texts, as {where} = {{ a = "b" }}')
        return {}

    def _plan(self, kind: Any, raw: object, where: str, **given: object) -> Any:  # noqa: ANN401
        if not isinstance(raw, dict):
            self.problems.append(f"{where} = {raw!r}: write a table")
            return None
        hints = typing.get_type_hints(kind)
        fields = {_key(field, hints[field.name]): field for field in attrs.fields(kind)}
        for name in given:
            fields.pop(name)
        values: dict[str, object] = dict(given)
        for key, one in raw.items():
            place = f"{where}.{key}".lstrip(".")
            if key in fields:
                name = fields[key].name
                values[name] = self.value(hints[name], one, place)
            else:
                self._unknown(key, place, list(fields))
        missing = [k for k, f in fields.items() if f.default is attrs.NOTHING and k not in raw]
        self.problems += [f"{where}: {key} is missing" for key in missing]
        return None if self.problems else kind(**values)

    def _unknown(self, key: str, place: str, known: list[str]) -> None:
        near = difflib.get_close_matches(key, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}"
        self.problems.append(f"{place}: there is no such key: {hint}")


def _key(field: "attrs.Attribute[Any]", hint: Any) -> str:  # noqa: ANN401 - a type
    """Give the key of a field: of several things the singular, as [machine.node1]."""
    several = typing.get_origin(hint) is tuple and attrs.has(typing.get_args(hint)[0])
    return field.name.removesuffix("s") if several else field.name


def _contradictions(plan: Plan) -> Iterator[str]:
    yield from _places(plan)
    applications = {each.name for each in plan.applications}
    machines = {each.name: each for each in plan.machines}
    if not applications:
        yield "no application can sign in: write [application.NAME]"
    for machine in plan.machines:
        if machine.identity and machine.identity not in applications:
            yield f"machine.{machine.name}.identity: there is no application {machine.identity!r}"
    for balancer in plan.balancers:
        for name in balancer.pool:
            if name not in machines:
                yield f"balancer.{balancer.name}.pool: there is no machine {name!r}"
        yield from _rules(balancer)


def _places(plan: Plan) -> Iterator[str]:
    """Look at what is listened on, and at addresses."""
    places = {"listen": plan.listen}
    places |= {f"machine.{each.name}.imds": each.imds for each in plan.machines}
    for where, place in places.items():
        found = _PLACE.fullmatch(place)
        if found is None or int(found[2]) > _MOST_PORT:
            yield f'{where} = {place!r}: write ADDRESS:PORT, as "127.0.0.1:8443"'
    if plan.dns and len(plan.dns) != _SERVERS:
        yield f"dns: a zone has four name servers, not {len(plan.dns)}: write four addresses"
    addresses = {f"dns[{number}]": each for number, each in enumerate(plan.dns)}
    addresses |= {f"machine.{each.name}.address": each.address for each in plan.machines}
    addresses |= {f"balancer.{each.name}.frontend": each.frontend for each in plan.balancers}
    for zone in plan.zones:
        for record in zone.records:
            where = f"zone.{zone.name}.record.{record.name}.addresses"
            addresses |= {
                f"{where}[{number}]": each for number, each in enumerate(record.addresses)
            }
    for where, address in addresses.items():
        if address and not _is_v4(address):
            yield f"{where} = {address!r}: write an IPv4 address"


def _rules(balancer: BalancerPlan) -> Iterator[str]:
    probes = {each.name for each in balancer.probes}
    for rule in balancer.rules:
        where = f"balancer.{balancer.name}.rule.{rule.name}"
        if rule.probe not in probes:
            yield f"{where}.probe: there is no probe {rule.probe!r}: {', '.join(sorted(probes))}"
        if rule.floating and rule.port != rule.backend_port:
            yield f"{where}: with floating, port and backend_port must be equal, as Azure wants it"


def _is_v4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
