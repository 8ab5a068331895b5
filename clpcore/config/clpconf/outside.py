"""Heartbeats over a witness, and NP resolution: what asks somebody outside the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from clpcore.api import DriverSpec, Kind
from clpcore.config.clpconf.conversion import Conversion
from clpcore.config.clpconf.draft import Table
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.tree import Element


@attrs.frozen(kw_only=True)
class _Section:
    """A section of the product, the table that it becomes, and the types whose tags are known."""

    tag: str
    table: str
    kind: Kind
    types: tuple[str, ...]


_SECTIONS: Final = (
    _Section(tag="heartbeat", table="heartbeat", kind=Kind.HEARTBEAT, types=("witnesshb",)),
    _Section(tag="networkpartition", table="np", kind=Kind.PARTITION, types=("httpnp", "pingnp")),
)
_LAN: Final = ("lankhb", "lanhb")


def convert(conversion: Conversion, file: str) -> None:
    """Put [heartbeat.*] of witnesses and [np.*] into *file*; keep the others for later."""
    for section in _SECTIONS:
        for parent in conversion.root.all(section.tag):
            for element in parent.children:
                if element.tag not in {*_LAN, "types"}:
                    _convert(conversion, file, section, element)


def _convert(conversion: Conversion, file: str, section: _Section, element: Element) -> None:
    path, specs = (section.table, element.name), conversion.specs
    if (section.kind, element.tag) not in specs:
        conversion.leave(path, element, element.tag, _of_another(specs, element.tag))
    elif element.tag not in section.types:
        conversion.leave(path, element, element.tag, "the import does not know its tags")
    else:
        _table(conversion, conversion.table(file, *path), element)


def _of_another(specs: Mapping[tuple[Kind, str], DriverSpec], type_: str) -> str:
    here = any(name == type_ for _, name in specs)
    return "the import does not know its tags" if here else ""


def _table(conversion: Conversion, table: Table, element: Element) -> None:
    element.is_read = True
    table.put("type", element.tag, conversion.where(element))
    element.take("priority")  # all of them are used at once
    devices = [each for each in conversion.root.all("server/device") if _is_of(each, element)]
    if element.tag == "pingnp":
        _put_groups(conversion, table, element)
    else:
        _put_url(conversion, table, element, devices)
    for device in devices:
        device.take("type")
        if device.say("info") not in {"", "1"}:
            what = f"{table.path[-1]} is used on every server here."
            conversion.find(Sort.WRONG, device, what, "Say where it is: servers = [...].")
    if element.tag == "witnesshb":
        what = "The witness is clp-witness, with a key for each cluster; not the product's."
        conversion.find(Sort.DIFFERENT, element, what, "docs/howto/witness.md tells how to run it.")


def _is_of(device: Element, element: Element) -> bool:
    return device.name != "" and device.name == element.say("device")


def _put_url(
    conversion: Conversion, table: Table, element: Element, devices: Iterable[Element]
) -> None:
    host, port = element.say("host"), element.say("port")
    said = f"{host}:{port}" if port else host
    if not host:
        conversion.find(Sort.WRONG, element, "It says no host.", "Set url by hand.")
        return
    secure = port == "443"
    table.put("url", f"http{'s' if secure else ''}://{said}", conversion.where(element))
    for device in devices:
        if device.say("extend") not in {"", said}:
            what = f"One server asks another one than {said}; here all ask the same."
            conversion.find(Sort.WRONG, device, what, "Set it by hand, if need be.")


def _put_groups(conversion: Conversion, table: Table, element: Element) -> None:
    groups = [
        [address.text for address in group.all("list/ip") if address.text]
        for group in element.all("grp")
    ]
    for address in element.all("grp/list/ip"):
        address.is_read = True
    if any(groups):
        table.put("groups", [group for group in groups if group], conversion.where(element))
    else:
        conversion.find(Sort.WRONG, element, "It pings nobody.", "Set groups by hand.")
