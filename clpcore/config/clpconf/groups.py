"""The groups with their resources, and the order in which these are activated."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config.clpconf import product
from clpcore.config.clpconf.conversion import (
    Conversion,
    Made,
    defaults,
    needs_scripts,
    ours,
)
from clpcore.config.clpconf.draft import Table, written
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.product import Driver, Tag
from clpcore.config.clpconf.tree import Element
from clpcore.model.members import Group

# What an exec depends on in the product when nothing else is said; addresses come last here.
_BEFORE_EXEC: Final = frozenset({"disk", "md", "hd", "volmgr", "nas"})

Members = list[tuple[str, Element]]  # the product's type, and what it says of the resource


def file_of(group: str) -> str:
    """Give the file that a group, its resources and its monitors are written to."""
    return f"{''.join(char if char.isalnum() or char in '-_' else '_' for char in group)}.toml"


def convert(conversion: Conversion) -> None:
    """Put [group.*] and [group.*.resource.*]."""
    known = {
        (each.tag, each.name): each
        for section in conversion.root.all("resource")
        for each in section.children
        if each.tag != "types"
    }
    for group in conversion.root.all("group"):
        members: Members = []
        for link in group.all("resource"):
            type_, _, name = link.name.partition("@")
            link.is_read = True
            if (type_, name) in known:
                members.append((type_, known[type_, name]))
            else:
                conversion.find(Sort.WRONG, link, "Nothing in it says what this resource is.")
        _group(conversion, group, members)
    _exclusions(conversion)


def _group(conversion: Conversion, group: Element, members: Members) -> None:
    group.is_read = True
    notes = [f"{conversion.where(group)} {group.say('comment')}".strip()]
    table = conversion.table(file_of(group.name), "group", group.name, notes=notes)
    if (type_ := group.say("type")) not in {"", "failover"}:
        what = f"It is a {type_} group; here it becomes a failover group."
        conversion.find(Sort.WRONG, group, what, "Take it out if nothing should fail over.")
    taken = [(type_, each, _spec(conversion, type_)) for type_, each in members]
    waiting = [each.name for _, each, spec in taken if spec is None]
    tags = [tag for tag in product.GROUP if not (waiting and tag.key == "startup")]
    if waiting:
        group.take("start")
        table.put("startup", "manual", f"until {', '.join(waiting)} can be activated here")
        what = f"{group.name} waits for an operator: without {', '.join(waiting)} it is not whole."
        remedy = "Take startup out when its drivers are installed and its tables loaded."
        conversion.find(Sort.NOT_LOADED, group, what, remedy)
    conversion.apply(group, tags, table, defaults(Group))
    _homes(conversion, group, table)
    _waits(conversion, group, table)
    for type_, each, spec in taken:
        path = ("group", group.name, "resource", each.name)
        if spec is None:
            conversion.leave(path, each, type_, _why_not(conversion, type_))
        else:
            _resource(conversion, path, each, _Place(type_, spec, taken))


def _homes(conversion: Conversion, group: Element, table: Table) -> None:
    orders = {policy: policy.take("order") for policy in group.all("policy")}
    found = [policy for policy, order in orders.items() if order and order.text.isdigit()]
    found.sort(key=lambda policy: int(policy.say("order")))
    if found:
        names = [policy.name for policy in found]
        table.put("startup_servers", names, conversion.where(found[0]))


def _waits(conversion: Conversion, group: Element, table: Table) -> None:
    """Say for which groups it waits."""
    known = {each.name for each in conversion.root.all("group")}
    for key, path in product.WAITS.items():
        links = list(group.all(path))
        for link in links:
            link.is_read = True
            if link.name not in known:
                conversion.find(Sort.WRONG, link, f"There is no group {link.name}.")
        names = [link.name for link in links if link.name in known]
        if names:
            table.put(key, names, conversion.where(links[0]))


def _exclusions(conversion: Conversion) -> None:
    """Put [exclusion.*]: until X 3.3 a group itself says that it excludes the others that do."""
    said = [(group, group.take("exclusive")) for group in conversion.root.all("group")]
    for number, rule in product.EXCLUSIVE.items():
        found = [(group.name, tag) for group, tag in said if tag and tag.text >= number]
        strict = [name for name, tag in found if tag.text == number]
        if len(found) > 1 and strict:
            table = conversion.table("exclusions.toml", "exclusion", rule)
            table.put("rule", rule, conversion.where(found[0][1]))
            table.put("groups", [name for name, _ in found])


def _spec(conversion: Conversion, type_: str) -> DriverSpec | None:
    driver = product.RESOURCES.get(type_)
    return conversion.specs.get((Kind.RESOURCE, driver.type)) if driver else None


def _why_not(conversion: Conversion, type_: str) -> str:
    here = (Kind.RESOURCE, type_) in conversion.specs and type_ not in product.RESOURCES
    return "the import does not know its tags" if here else ""


@attrs.frozen
class _Place:
    """A resource's type and driver, and all of its group."""

    type: str
    spec: DriverSpec
    group: list[tuple[str, Element, DriverSpec | None]]

    @property
    def driver(self) -> Driver:
        return product.RESOURCES[self.type]


def _resource(
    conversion: Conversion, path: tuple[str, ...], element: Element, place: _Place
) -> None:
    element.is_read = True
    group, name = path[1], path[-1]
    file, driver = file_of(group), place.driver
    table = conversion.table(file, *path, notes=[element.say("comment")])
    was = f", was {place.type}" if place.type != driver.type else ""
    table.put("type", driver.type, f"{conversion.where(element)}{was}")
    _depends(conversion, element, place, table)
    known = ours(place.spec)
    conversion.apply(element, [*_core(element, driver), *driver.tags], table, known)
    conversion.per_server(element, driver.tags, table, known)
    conversion.resources[name] = Made(group, name, place.spec, table, element)
    if needs_scripts(element, place.spec, driver.tags):
        conversion.scripts.append(((group, name), (group, name)))


def _core(element: Element, driver: Driver) -> list[Tag]:
    """Give the core's tags with the product's defaults for this resource.

    It gives a script's time and three minutes to a whole activation.
    """
    own = {"activation_retry": driver.retry}
    for key, path in driver.scripts.items():
        said = next((each.text for each in element.all(path)), "")
        own[key] = (int(said) if said.isdecimal() else 1800) + 180
    return [attrs.evolve(tag, default=own.get(tag.key, tag.default)) for tag in product.RESOURCE]


def _depends(conversion: Conversion, element: Element, place: _Place, table: Table) -> None:
    said = list(element.all("depend"))
    for link in said:
        link.is_read = True
    if place.type in product.ADDRESSES:
        return  # the driver's own rule: after everything else
    types = {each.name: type_ for type_, each, _ in place.group}
    names = [link.name for link in said]
    why = conversion.where(said[0]) if said else "the product's default"
    if not said and place.type == "exec":
        before = _BEFORE_EXEC - set(place.spec.activates_after)  # what ours does by itself
        names = [name for name, type_ in types.items() if type_ in before]
    for link in said:
        if types.get(link.name) in product.ADDRESSES:
            what = f"{link.name} is activated after {element.name} here: addresses come last."
            conversion.find(Sort.DIFFERENT, link, what)
    here = {each.name for _, each, spec in place.group if spec}
    wanted = [name for name in names if types.get(name) not in product.ADDRESSES]
    kept = [name for name in wanted if name in here]
    if wanted != kept:
        table.note(f"depends_on = {written(wanted)}  ({why}): write it so when all are loaded")
    if kept or (said and not wanted and place.spec.activates_after):
        table.put("depends_on", kept, why)


def tell_differences(conversion: Conversion) -> None:
    """Say that addresses come last, and which monitors come unasked."""
    for group in conversion.root.all("group"):
        links = [link.name.partition("@") for link in group.all("resource")]
        addresses = [name for type_, _, name in links if type_ in product.ADDRESSES]
        if addresses and len(links) > len(addresses):
            what = (
                f"{', '.join(addresses)}: activated last and deactivated first, so that no client "
                "comes too early; the product does it the other way round."
            )
            conversion.find(Sort.DIFFERENT, group, what)
    for name, made in conversion.resources.items():
        new = [type_ for type_ in made.spec.pairs_with if (name, type_) not in conversion.paired]
        if new:
            what = f"{name} gets its own {', '.join(new)}, which {conversion.source} has not."
            conversion.find(Sort.DIFFERENT, made.element, what)
