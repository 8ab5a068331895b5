"""``clpstat`` without options: servers, groups and monitors, each with its state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from clpcore.ctl.product.frame import Columns, framed

if TYPE_CHECKING:
    from clpcore.ctl.document import Group, Monitor, Server, Status

_HEARTBEATS: Final = {"lanhb": "LAN Heartbeat", "witnesshb": "Witness Heartbeat"}
_NPS: Final = {
    "pingnp": "ping resolution",
    "httpnp": "http resolution",
    "majoritynp": "majority resolution",
}
_INNER: Final = 6


def overview(status: Status, *, long: bool, local: bool) -> str:
    """Give the page; *local*: only this server, and what it says of groups and monitors."""
    me = status["server"]
    columns = Columns(long=long)
    servers = [one for one in status["servers"] if not local or one["name"] == me]
    return framed("CLUSTER STATUS", _lines(status, servers, columns, me if local else ""))


def _lines(status: Status, servers: list[Server], columns: Columns, only: str) -> Iterator[str]:
    yield f"  Cluster : {status['cluster']}"
    if status["suspended"]:  # no state of clpstat's own says it, and nobody may miss it
        yield "  Suspend : nothing is watched, and nothing fails over"
    yield "  <server>"
    for server in servers:
        mark = "*" if server["name"] == status["server"] else " "
        drained = "drained" if server["drained"] else ""
        yield columns.head(server["name"], server["state"], drained, mark=mark)
        for path in server["heartbeats"]:
            kind = _HEARTBEATS.get(path["type"], path["type"])
            yield columns.row(path["name"], path["state"], kind, indent=_INNER)
        for name, state, kind in _protection(status, server):
            yield columns.row(name, state, kind, indent=_INNER)
    yield "  <group>"
    for group in status["groups"]:
        yield from _group(group, columns, only)
    yield "  <monitor>"
    for monitor in status["monitors"]:
        yield columns.row(monitor["name"], _state(monitor, only), monitor["type"])


def _protection(status: Status, server: Server) -> Iterator[tuple[str, str, str]]:
    """Give NP resolution and forced stop; how they are on other servers, only those know."""
    mine = server["name"] == status["server"]
    for np in status["np"]:
        kind = _NPS.get(np["type"], np["type"])
        yield np["name"], np["state"] if mine else "Unknown", kind
    for way in status["fencing"]:
        yield way["name"], way["state"] if mine else "Unknown", "forced stop"


def _group(group: Group, columns: Columns, only: str) -> Iterator[str]:
    """Draw a group; on *only* one server, what runs elsewhere is Offline there."""
    runs = group["state"] != "Offline"
    if only and group["server"] != only:
        there = group["servers"].get(only)
        state, runs = there["state"] if there else "Offline", False
    else:
        state = group["state"]
    yield columns.head(group["name"], state)
    current = group["server"] if runs and group["server"] else "None"
    yield columns.row("current", current, indent=_INNER)
    for resource in group["resources"]:
        shown = resource["state"] if runs or not only else "Offline"
        yield columns.row(resource["name"], shown, resource["type"], indent=_INNER)


def _state(monitor: Monitor, only: str) -> str:
    there = monitor["servers"].get(only)
    if not only:
        return monitor["state"]
    return there["state"] if there else "Unknown"
