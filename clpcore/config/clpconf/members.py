"""The cluster itself, its servers and their heartbeats."""

from __future__ import annotations

from typing import Final

from clpcore.config.clpconf import outside, product
from clpcore.config.clpconf.conversion import Conversion, defaults
from clpcore.config.clpconf.findings import Sort
from clpcore.config.clpconf.tree import Element
from clpcore.model.config import ClusterConfig

FILE: Final = "cluster.toml"
_LAN: Final = ("lankhb", "lanhb")


def convert(conversion: Conversion) -> None:
    """Put [cluster], [server.*], [heartbeat.*] and [np.*]."""
    _cluster(conversion)
    paths = _lan_paths(conversion)
    for server in conversion.root.all("server"):
        _server(conversion, server, [path.say("device") for path in paths])
    for index, path in enumerate(paths, start=1):
        path.is_read = True
        table = conversion.table(FILE, "heartbeat", path.name)
        table.put("type", "lanhb", _was(conversion, path))
        table.put("interconnect", index)
    outside.convert(conversion, FILE)


def _was(conversion: Conversion, path: Element) -> str:
    kernel = ", was kernel mode" if path.tag == "lankhb" else ""
    return f"{conversion.where(path)}{kernel}"


def _cluster(conversion: Conversion) -> None:
    element = next(conversion.root.all("cluster"), conversion.root)
    table = conversion.table(FILE, "cluster", notes=[element.say("comment")])
    conversion.apply(element, product.CLUSTER, table, defaults(ClusterConfig))
    types = {group.name.partition("@")[0] for group in conversion.root.all("group/resource")}
    azure = sorted(types & product.AZURE)
    why = f"it has {azure[0]}" if azure else f"{conversion.source} names no Azure type"
    table.put("platform", "azure" if azure else "onpremises", why)


def _lan_paths(conversion: Conversion) -> list[Element]:
    found = [path for tag in _LAN for path in conversion.root.all(f"heartbeat/{tag}")]
    return sorted(found, key=lambda path: (not path.say("priority").isdigit(), _order(path)))


def _order(path: Element) -> int:
    priority = path.say("priority")
    return int(priority) if priority.isdigit() else 0


def _server(conversion: Conversion, server: Element, wanted: list[str]) -> None:
    server.is_read = True
    table = conversion.table(FILE, "server", server.name, notes=[server.say("comment")])
    priority = server.take("priority")
    if priority and priority.text.isdigit():
        why = f"{conversion.where(priority)}, counted from 0 there"
        table.put("priority", int(priority.text) + 1, why)
    devices = {device.name: device for device in server.all("device")}
    lan = [name for name, device in devices.items() if device.say("type") == "lan"]
    used = [devices[name] for name in wanted or lan if name in lan]
    for device in used:
        device.drop()
    lines = ", ".join(str(device.line) for device in used)
    addresses = [device.say("info") for device in used]
    table.put("interconnect", addresses, f"{conversion.source}:{lines}" if used else "")


def tell_differences(conversion: Conversion) -> None:
    """Say what is done in another way on purpose."""
    for path in conversion.root.all("heartbeat/lankhb"):
        what = "Heartbeats come from user space, sealed, on UDP 29002: there is no kernel module."
        conversion.find(Sort.DIFFERENT, path, what, "Let UDP 29002 and TCP 29001 pass.")
