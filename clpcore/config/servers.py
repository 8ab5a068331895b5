"""``[server.*]`` and ``[heartbeat.*]``: who is in the cluster, and the paths between them."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from clpcore.api import Kind
from clpcore.config import driven
from clpcore.config.positions import Path
from clpcore.config.reading import Reading
from clpcore.config.wording import listed, meant
from clpcore.model.members import Heartbeat, Server

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST: Final = 32
_BUILT_IN: Final = "lanhb"  # the core's own links; a configuration without paths gets them


def read(reading: Reading) -> tuple[Server, ...]:
    """Give the servers that have all they need, best priority first."""
    servers = []
    tables = reading.named(("server",))
    examples = _free(tables.values())
    for name, table in tables.items():
        values = reading.core(("server", name), Server, table, examples=examples)
        if {"priority", "interconnect"} <= set(values):
            servers.append(Server(name=name, **values))
    _check_count(reading)
    _check_priorities(reading, servers)
    _check_addresses(reading, servers)
    return tuple(sorted(servers, key=lambda server: (server.priority, server.name)))


def _free(tables: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Give what a server can add that no other one has."""
    given = [table.get("priority") for table in tables]
    highest = max((number for number in given if isinstance(number, int)), default=0)
    return {"priority": str(highest + 1), "interconnect": '["ADDRESS"]'}


def _check_count(reading: Reading) -> None:
    count = len(reading.table(("server",)))
    if count == 0:
        remedy = "Each server has a table [server.NAME] with priority and interconnect."
        reading.error(("server",), "The cluster has no server.", remedy)
    if count == 1:
        what = "The cluster has one server: nobody can take over from it."
        reading.warn(("server",), what, "Add a second [server.NAME].")
    if count > _MOST:
        reading.error(("server",), f"{count} servers are too many.", f"Keep {_MOST} or fewer.")


def _check_priorities(reading: Reading, servers: Iterable[Server]) -> None:
    first: dict[int, str] = {}
    for server in servers:
        other = first.setdefault(server.priority, server.name)
        if other != server.name:
            what = f"{other} has priority {server.priority} as well."
            remedy = "Give every server a priority of its own; 1 is the first."
            reading.error(("server", server.name, "priority"), what, remedy)


def _check_addresses(reading: Reading, servers: list[Server]) -> None:
    counts = {server.name: len(server.interconnect) for server in servers}
    most = max(counts.values(), default=0)
    seen: dict[_Address, str] = {}
    for server in servers:
        path = ("server", server.name, "interconnect")
        if not server.interconnect or counts[server.name] < most:
            _too_few(reading, path, counts, most)
        for index, text in enumerate(server.interconnect):
            address = _address(text)
            if address is None or address.is_unspecified or address.is_multicast:
                what = f"{text} is not the address of a server."
                reading.error((*path, index), what, 'Write an IP address: "10.5.0.110".')
            elif owner := seen.get(address):
                where = f"{owner} has it as well" if owner != server.name else "it is there twice"
                what = f"{text} is not an address of {server.name} alone: {where}."
                reading.error((*path, index), what, "Give each interconnect its own address.")
            else:
                seen[address] = server.name


def _too_few(reading: Reading, path: tuple[str, ...], counts: Mapping[str, int], most: int) -> None:
    remedy = "Write the same paths, in the same order, on every server."
    if most == 0:
        reading.error(path, "The server has no interconnect.", 'For example: ["10.5.0.110"]')
        return
    others = listed(name for name, count in counts.items() if count == most)
    what = f"Not as many addresses as elsewhere: {counts[path[1]]} here, {most} on {others}."
    reading.error(path, what, remedy)


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def known_servers(reading: Reading, path: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Give those of *names*, the list at *path*, that are servers; each once."""
    servers = reading.table(("server",))
    found: list[str] = []
    for index, name in enumerate(names):
        if name not in servers:
            reading.error((*path, index), f"There is no server {name}.", meant(name, servers))
        elif name in found:
            reading.error((*path, index), f"{name} is there twice.", "Name each server once.")
        else:
            found.append(name)
    return tuple(found)


def heartbeats(reading: Reading, servers: tuple[Server, ...]) -> tuple[Heartbeat, ...]:
    """Give the paths; where no file has one of the core's own, one for each interconnect."""
    tables = reading.named(("heartbeat",))
    paths = max((len(server.interconnect) for server in servers), default=0)
    found: list[Heartbeat] = []
    if all(table.get("type") != _BUILT_IN for table in tables.values()):
        found += _made(reading, paths, tables)
    used: dict[Any, str] = {}
    for name, table in tables.items():
        given = driven.read(reading, ("heartbeat", name), Kind.HEARTBEAT, table)
        driven.check(reading, given, ())
        if given.type == _BUILT_IN:
            _check_index(reading, name, given.common.get("interconnect"), paths, used)
        found.append(Heartbeat(name=name, type=given.type, settings=given.common))
    return tuple(found)


def _made(reading: Reading, paths: int, taken: Iterable[str]) -> tuple[Heartbeat, ...]:
    if reading.types.find(Kind.HEARTBEAT, _BUILT_IN) is None:
        what, remedy = reading.types.why_not(Kind.HEARTBEAT, _BUILT_IN)
        reading.error(("heartbeat",), f"Every interconnect gets a {_BUILT_IN}. {what}", remedy)
    names = (f"{_BUILT_IN}{number}" for number in itertools.count(1))
    free = (name for name in names if name not in taken)
    return tuple(
        Heartbeat(name=next(free), type=_BUILT_IN, settings={"interconnect": index})
        for index in range(1, paths + 1)
    )


def _check_index(reading: Reading, name: str, index: Any, paths: int, used: dict[Any, str]) -> None:
    path = ("heartbeat", name, "interconnect")
    if not isinstance(index, int):
        return
    if index > paths:
        what = f"There is no interconnect {index}: the servers have {paths}."
        reading.error(path, what, "Count from 1, in the order of [server.NAME] interconnect.")
    elif (other := used.setdefault(index, name)) != name:
        reading.error(path, f"{other} uses interconnect {index} as well.", "Keep one of them.")
