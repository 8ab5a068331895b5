"""Monitors made with their resources: which, and how they are called."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import attrs

from clpcore.api import Kind
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.wording import meant, toml
from clpcore.model.members import Group, Resource


@attrs.frozen
class Made:
    """A monitor of *type* made with *resource*."""

    type: str
    resource: Resource

    @property
    def path(self) -> Path:
        """Give the path of the resource's table."""
        return ("group", self.resource.group, "resource", self.resource.name)


def make(reading: Reading, groups: Iterable[Group]) -> dict[str, Made]:
    """Give the monitors that come with resources, by name, in the order of the files.

    A name is the one that the resource says, or the type and the smallest number that no resource
    has said.
    """
    wanted = [
        (Made(type_, resource), _said_name(reading, resource, type_))
        for group in groups
        for resource in group.resources
        for type_ in _types(reading, resource)
    ]
    said = {name for _, name in wanted}
    named: dict[str, Made] = {}
    for made, name in wanted:
        chosen = name or _number(made.type, said | named.keys())
        if chosen in named:
            what = f"{chosen} is made with {named[chosen].resource.name} as well."
            remedy = "Give each monitor a name of its own."
            reading.error((*made.path, "monitors", made.type), what, remedy)
        named.setdefault(chosen, made)
    return named


def _types(reading: Reading, resource: Resource) -> tuple[str, ...]:
    spec = reading.types.find(Kind.RESOURCE, resource.type)
    types = spec.pairs_with if spec else ()
    path = (*Made("", resource).path, "monitors")
    for name in reading.table(path):
        if name not in types:
            what = f"No monitor of type {name} is made with {resource.name}."
            reading.error((*path, name), what, meant(name, types), at_key=True)
    return types


def _said_name(reading: Reading, resource: Resource, type_: str) -> str:
    path = (*Made(type_, resource).path, "monitors", type_)
    name = reading.document.at(path)
    if name is None:
        return ""
    if not isinstance(name, str):
        reading.error(path, f"{toml(name)} is not a name.", f'For example: "{type_}1"')
        return ""
    reading.check_name(path, name)
    return name


def _number(type_: str, taken: Iterable[str]) -> str:
    names = (f"{type_}{number}" for number in itertools.count(1))
    return next(name for name in names if name not in taken)
