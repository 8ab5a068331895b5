"""The monitors: those made with resources here, those of their own, those without a home."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.api import Capability, DriverSpec, Kind
from clpcore.config.clpconf import product
from clpcore.config.clpconf.conversion import Conversion, Made, needs_scripts, ours
from clpcore.config.clpconf.draft import Table
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.groups import file_of
from clpcore.config.clpconf.product import Driver, Tag
from clpcore.config.clpconf.tree import Element

_ITSELF: Final = "it watches the server itself, and a monitor here watches a resource"


def convert(conversion: Conversion) -> None:
    """Put [monitor.*], after the groups: monitors stand with what they watch."""
    found = [
        each
        for section in conversion.root.all("monitor")
        for each in section.children
        if each.tag != "types"
    ]
    for element in found:
        if element.tag in product.MERGED:
            _merge(conversion, element)
        else:
            _monitor(conversion, element)


def _merge(conversion: Conversion, element: Element) -> None:
    what = f"{product.MERGED[element.tag]} looks on every server and does its work as well."
    conversion.find(Sort.DIFFERENT, element, f"{element.name} is not needed: {what}")
    element.drop()


def _monitor(conversion: Conversion, element: Element) -> None:
    driver = product.MONITORS.get(element.tag)
    spec = conversion.specs.get((Kind.MONITOR, driver.type)) if driver else None
    path = ("monitor", element.name)
    if driver is None or spec is None:
        here = driver is None and (Kind.MONITOR, element.tag) in conversion.specs
        why = "the import does not know its tags" if here else ""
        conversion.leave(path, element, element.tag, why)
        return
    target, why = _target(conversion, element)
    if target is None:
        conversion.leave(path, element, element.tag, why)
        return
    _Writing(conversion, element, driver, spec, target).write()


def _target(conversion: Conversion, element: Element) -> tuple[Made | None, str]:
    """Give what it watches, or why there is nothing."""
    kind, name = _said(element, "relation/type"), _said(element, "relation/name")
    wanted = _said(element, "target") or (name if kind == "rsc" else "")
    if wanted:
        return conversion.resources.get(wanted), f"its target {wanted} is not loaded"
    if kind == "grp":
        own = [made for made in conversion.resources.values() if made.group == name]
        if not own:
            return None, f"no resource of {name} is loaded"
        behind = [made for made in own if Capability.ADDRESS not in made.spec.capabilities]
        return (behind or own)[-1], ""
    return None, _ITSELF


def _said(element: Element, path: str) -> str:
    found = next(element.all(path), None)
    return found.text if found else ""


@attrs.frozen
class _Writing:
    """One monitor on its way into a file."""

    conversion: Conversion
    element: Element
    driver: Driver
    spec: DriverSpec
    target: Made

    def is_made(self) -> bool:
        """Tell whether it comes with its target; a second one of its type does not."""
        pair = (self.target.name, self.driver.type)
        first = pair not in self.conversion.paired
        self.conversion.paired.add(pair)
        return first and self.driver.type in self.target.spec.pairs_with

    def write(self) -> None:
        """Put its table; one made with its resource gets only what differs."""
        conversion, element = self.conversion, self.element
        element.is_read = True
        notes = [element.say("comment")]
        table = Table(("monitor", element.name), [note for note in notes if note])
        made = self.is_made()
        if made:
            self._name(table)
        else:
            table.put("type", self.driver.type, self._type_was())
            self._watch(table)
        self._timing(table, made=made)
        known = ours(self.spec)
        conversion.apply(element, [*self._core(), *self.driver.tags], table, known)
        conversion.per_server(element, self.driver.tags, table, known)
        self._recovery(table)
        if needs_scripts(element, self.spec, self.driver.tags):
            name = element.name
            conversion.scripts.append((("monitor.s", name), ("monitor", name)))
        if not (made and table.is_empty):
            conversion.files.setdefault(file_of(self.target.group), []).append(table)

    def _type_was(self) -> str:
        was = f", was {self.element.tag}" if self.element.tag != self.driver.type else ""
        return f"{self.conversion.where(self.element)}{was}"

    def _name(self, table: Table) -> None:
        """Keep the name that operators know; the resource says it."""
        key = f"monitors.{self.driver.type}"
        self.target.table.put(key, self.element.name, self._type_was())
        table.notes.append(f"made with {self.target.name}")
        self.element.take("target")

    def _watch(self, table: Table) -> None:
        target = self.element.take("target")
        why = self.conversion.where(target) if target and target.text else "whose server it is on"
        table.put("target", self.target.name, why)
        if _said(self.element, "relation/type") == "grp" and not (target and target.text):
            what = (
                f"{self.element.name} names no resource; here {self.target.name} tells on which "
                "server an error counts: elsewhere it is Caution."
            )
            self.conversion.find(Sort.DIFFERENT, self.element, what, "Name a better target.")

    def _timing(self, table: Table, *, made: bool) -> None:
        said = self.element.take("polling/timing")
        if made and said is None:
            return
        active = said.text == "1" if said else self.driver.active
        always_here = Capability.WATCHES_STANDBY in self.spec.capabilities
        if active == always_here:
            why = self.conversion.where(said) if said else "the product's default"
            table.put("timing", "active" if active else "always", why)

    def _core(self) -> list[Tag]:
        polling = self.driver.polling
        own = dict(zip(("interval", "timeout", "retry"), polling or (), strict=False))
        return [attrs.evolve(tag, default=own.get(tag.key, tag.default)) for tag in product.MONITOR]

    def _recovery(self, table: Table) -> None:
        """Say what is repaired: the target, its group, or nothing but the last rung."""
        conversion, element = self.conversion, self.element
        kind, name = element.take("relation/type"), element.take("relation/name")
        if kind is None or name is None:
            return
        if kind.text == "cls":
            table.put("max_reactivations", 0, f"{conversion.where(kind)}: the server itself")
            table.put("max_failovers", 0)
        elif name.text in {self.target.group, *self._siblings()}:
            if name.text != self.target.name:
                table.put("recovery_target", name.text, conversion.where(name))
        else:
            what = f"It is not in {self.target.group}, the group of {self.target.name}."
            conversion.find(Sort.WRONG, name, what, "Set recovery_target by hand.")

    def _siblings(self) -> set[str]:
        made = self.conversion.resources.values()
        return {each.name for each in made if each.group == self.target.group}
