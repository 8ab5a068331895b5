"""One import under way: where its parts put tables, findings and scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config import settings
from clpcore.config.clpconf import product
from clpcore.config.clpconf.draft import Table, quoted
from clpcore.config.clpconf.findings import Finding, Sort
from clpcore.config.clpconf.product import Tag, Unfit
from clpcore.config.clpconf.tree import Element
from clpcore.config.schema import as_written

Folders = tuple[tuple[str, ...], tuple[str, ...]]  # below the product's scripts, below ours
Defaults = Mapping[str, Any]  # ours, as files have them; NOTHING: the key is mandatory

OFF: Final = "not-loaded.toml.off"
_PRODUCTS: Final = "the product's default"


@attrs.frozen(kw_only=True)
class Off:
    """An object that is kept in the file that is not loaded; *elements* hold all that is known."""

    path: tuple[str, ...]
    type: str
    why: str
    elements: tuple[Element, ...]


@attrs.frozen
class Made:
    """A resource that was taken over: its group, our spec, its table, where it came from."""

    group: str
    name: str
    spec: DriverSpec
    table: Table
    element: Element


@attrs.define
class Conversion:
    """What all parts of one import share."""

    root: Element
    specs: Mapping[tuple[Kind, str], DriverSpec]
    source: str
    findings: list[Finding] = attrs.field(factory=list)
    files: dict[str, list[Table]] = attrs.field(factory=dict)
    off: list[Off] = attrs.field(factory=list)
    resources: dict[str, Made] = attrs.field(factory=dict)
    paired: set[tuple[str, str]] = attrs.field(factory=set)  # resources and types of their monitors
    scripts: list[Folders] = attrs.field(factory=list)
    hooks: list[Folders] = attrs.field(factory=list)  # the same for single files

    def find(self, sort: Sort, element: Element, what: str, remedy: str = "") -> None:
        """Add a finding at *element*."""
        self.findings.append(Finding.at(sort, element, what, remedy))

    def table(self, file: str, *path: str, notes: Iterable[str] = ()) -> Table:
        """Add a table to a file."""
        made = Table(path, [note for note in notes if note])
        self.files.setdefault(file, []).append(made)
        return made

    def where(self, element: Element) -> str:
        """Give the comment that tells where a value came from."""
        return f"{self.source}:{element.line}"

    def leave(self, path: tuple[str, ...], element: Element, type_: str, why: str = "") -> None:
        """Keep an object in the file that is not loaded, and say why.

        Without *why* its driver is missing.
        """
        sort, remedy = Sort.NOT_LOADED, ""
        if not why:
            sort, why, remedy = Sort.NO_DRIVER, *_no_driver(type_)
        self.find(sort, element, f"{'.'.join(map(quoted, path))} is not loaded: {why}", remedy)
        devices = self._devices(element)
        self._ask_for(path, element, type_)
        self.off.append(Off(path=path, type=type_, why=why, elements=(element, *devices)))
        for part in (element, *devices):
            part.drop()

    def _ask_for(self, path: tuple[str, ...], element: Element, type_: str) -> None:
        """Say which keys a type needs of which no tag is known."""
        if keys := product.FILL_IN.get(type_):
            said = ", ".join(f"{key} ({screen})" for key, screen in keys.items())
            table = ".".join(map(quoted, path))
            what = f"conf.d/{OFF}, [{table}]: it has no value for {said}."
            remedy = "Copy them from the product's screens, whose words stand behind our keys; then"
            remedy += " move the table into a file that is loaded."
            self.find(Sort.FILL_IN, element, what, remedy)

    def _devices(self, element: Element) -> list[Element]:
        """Give what the servers say of the devices that *element* uses."""
        ids = {device.text for device in element.all("device")}
        ids |= {device.text for device in element.all("parameters/netdev/device")}
        return [device for device in self.root.all("server/device") if device.name in ids]

    def apply(self, element: Element, tags: Iterable[Tag], table: Table, ours: Defaults) -> None:
        """Put what *element* says into *table*, and the product's defaults that are not ours."""
        for tag in tags:
            value, why = self._value(element, tag)
            if value is None:
                continue
            if tag.key not in ours:
                if why != _PRODUCTS:
                    what = f"Nothing here has a key for it: {'.'.join(table.path)} goes without."
                    self.find(Sort.NOT_HERE, next(element.all(tag.path)), what)
            elif value != ours[tag.key]:
                table.put(tag.key, value, why)

    def _value(self, element: Element, tag: Tag) -> tuple[Any, str]:
        found = [each for each in element.all(tag.path) if each.text]
        if not found:
            return tag.default, _PRODUCTS
        values = []
        for each in found if tag.many else found[:1]:
            each.is_read = True
            try:
                values.append(tag.convert(each.text))
            except Unfit as unfit:
                self.find(Sort.WRONG, each, f"It should be {unfit}.", "Set the key by hand.")
                return None, ""
        return values if tag.many else values[0], self.where(found[0])

    def per_server(
        self, element: Element, tags: Iterable[Tag], table: Table, ours: Defaults
    ) -> None:
        """Put the values that *element* gives for single servers."""
        for server in element.all("server"):
            for tag in tags:
                value, why = self._value(server, attrs.evolve(tag, default=None))
                if value is not None and tag.key in ours:
                    table.put(f"server.{quoted(server.name)}.{tag.key}", value, why)


def ours(spec: DriverSpec) -> dict[str, Any]:
    """Give our defaults of all keys of a driver's table."""
    core = defaults(settings.CORE[spec.kind], spec.defaults)
    return {**core, **defaults(spec.config)}


def needs_scripts(element: Element, spec: DriverSpec, tags: Iterable[Tag]) -> bool:
    """Tell whether one of its scripts is a file in the object's own folder."""
    keys = settings.keys(spec.config)
    return any(
        not next((each.text for each in element.all(tag.path)), "").startswith("/")
        for tag in tags
        if tag.key in keys and keys[tag.key].unit == "script"
    )


def defaults(cls: type, instead: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give the defaults of a configuration class as files have them."""
    found = {}
    for name, key in settings.keys(cls).items():
        value = (instead or {}).get(name, key.default)
        found[name] = as_written(key, value)
    return found


def _no_driver(type_: str) -> tuple[str, str]:
    known = product.RESOURCES.get(type_) or product.MONITORS.get(type_)
    ours_ = known.type if known else type_
    distribution = product.distribution(ours_)
    what = f"no driver named {ours_} is installed"
    if distribution:
        return f"{what}: pip install {distribution}", ""
    return f"{what}, and none is known", "docs/howto/write-a-driver.md tells how to write one."
