"""The monitors: those made with resources here, those of their own, those without a home."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.api import Capability, DriverSpec, Kind
from clpcore.config.clpconf import hooks, product
from clpcore.config.clpconf.conversion import Conversion, Made, needs_scripts, ours
from clpcore.config.clpconf.draft import Table
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.groups import file_of
from clpcore.config.clpconf.product import Driver, Tag
from clpcore.config.clpconf.tree import Element
from clpcore.model.members import ALL_GROUPS

_ITSELF: Final = "it watches a resource, and does not say which"
_OF_SERVERS: Final = "monitors.toml"  # what watches no resource


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
    target, why = _target(conversion, element, driver)
    if why:
        conversion.leave(path, element, element.tag, why)
        return
    _Writing(conversion, element, driver, spec, target).write()


def _target(conversion: Conversion, element: Element, driver: Driver) -> tuple[Made | None, str]:
    """Give what it watches, None for the server itself, or why it cannot watch anything."""
    kind, name = _said(element, "relation/type"), _said(element, "relation/name")
    wanted = _said(element, "target") or (name if kind == "rsc" else "")
    if wanted:
        made = conversion.resources.get(wanted)
        return made, "" if made else f"its target {wanted} is not loaded"
    if not _watches_a_resource(conversion, element, driver):
        return None, ""
    if kind == "grp":
        own = [made for made in conversion.resources.values() if made.group == name]
        if not own:
            return None, f"no resource of {name} is loaded"
        behind = [made for made in own if Capability.ADDRESS not in made.spec.capabilities]
        return (behind or own)[-1], ""
    return None, _ITSELF


def _watches_a_resource(conversion: Conversion, element: Element, driver: Driver) -> bool:
    """Tell whether it needs one: by its type, or to look only where that is active."""
    pairs = (spec.pairs_with for spec in conversion.specs.values())
    if any(driver.type in types for types in pairs):
        return True
    timing = _said(element, "polling/timing")
    return timing == "1" or (timing == "" and driver.active)


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
    target: Made | None

    def is_made(self) -> bool:
        """Tell whether it comes with its target; a second one of its type does not."""
        if self.target is None:
            return False
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
        if self.target:
            self._timing(table, made=made)
        else:
            element.take("polling/timing")
        known = ours(self.spec)
        conversion.apply(element, [*self._core(), *self.driver.tags], table, known)
        conversion.per_server(element, self.driver.tags, table, known)
        self._recovery(table)
        if needs_scripts(element, self.spec, self.driver.tags):
            name = element.name
            conversion.scripts.append((("monitor.s", name), ("monitor", name)))
        hooks.convert(conversion, element)
        if not (made and table.is_empty):
            file = file_of(self.target.group) if self.target else _OF_SERVERS
            conversion.files.setdefault(file, []).append(table)

    def _type_was(self) -> str:
        was = f", was {self.element.tag}" if self.element.tag != self.driver.type else ""
        return f"{self.conversion.where(self.element)}{was}"

    def _name(self, table: Table) -> None:
        """Keep the name that operators know; the resource says it."""
        assert self.target is not None  # noqa: S101 - only what comes with a target has a name there
        key = f"monitors.{self.driver.type}"
        self.target.table.put(key, self.element.name, self._type_was())
        table.notes.append(f"made with {self.target.name}")
        self.element.take("target")

    def _watch(self, table: Table) -> None:
        target = self.element.take("target")
        if self.target is None:
            return
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
        if self.target is None:
            self._of_the_server(table, kind, name)
        elif kind.text == "cls":
            table.put("max_reactivations", 0, f"{conversion.where(kind)}: the server itself")
            table.put("max_failovers", 0)
        elif name.text in {self.target.group, *self._siblings(self.target.group)}:
            if name.text != self.target.name:
                table.put("recovery_target", name.text, conversion.where(name))
        else:
            what = f"It is not in {self.target.group}, the group of {self.target.name}."
            conversion.find(Sort.WRONG, name, what, "Set recovery_target by hand.")

    def _of_the_server(self, table: Table, kind: Element, name: Element) -> None:
        """Say which groups are recovered; nothing else is said where it is the server itself."""
        conversion = self.conversion
        groups = {group.name for group in conversion.root.all("group")}
        if kind.text == "grp" and name.text in groups:
            table.put("recovery_target", name.text, conversion.where(name))
        elif kind.text == "grp":
            table.put("recovery_target", ALL_GROUPS, f"{conversion.where(name)}, was {name.text}")

    def _siblings(self, group: str) -> set[str]:
        made = self.conversion.resources.values()
        return {each.name for each in made if each.group == group}
