"""ARP silence: no interface answers for an address that is on the loopback interface.

By itself a server answers on every interface for all its addresses. The settings stay when the
address goes: another address, or another program, may have come to rely on them, and without an
address on the loopback interface they change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from clpcore import api
from clpcore_lib_netlink import Link, ask, links, set_sysctl

_CONF: Final = "net/ipv4/conf"
# arp_ignore: answer only for addresses of the interface asked (1), of its subnet (2), never (8).
# arp_announce: name only addresses of the own interface as the sender (2).
_SILENT: Final = {"arp_ignore": ("1", frozenset({1, 2, 8})), "arp_announce": ("2", frozenset({2}))}


async def keep(ports: api.Ports, names: Iterable[str]) -> None:
    """Make the interfaces silent.

    Raises:
        Misconfigured: there is no such interface.
        Failed: the kernel's settings cannot be changed, or do not suffice.

    """
    for link in await _concerned(ports, names):
        for setting, (value, _) in _SILENT.items():
            if not _is_silent(ports, link.name, setting):
                name = f"{_CONF}/{link.name}/{setting}"
                await ask(ports, f"/proc/sys/{name} cannot be set", set_sysctl, name, value)
    if loud := await broken(ports, names):
        raise api.Failed(loud)


async def broken(ports: api.Ports, names: Iterable[str]) -> str:
    """Say which interface is not silent, and how to make it so; empty: all are."""
    for link in await _concerned(ports, names):
        for setting, (value, good) in _SILENT.items():
            if not _is_silent(ports, link.name, setting):
                return (
                    f"{link.name} would answer ARP for the address: {setting} is"
                    f" {_effective(ports, link.name, setting)}, needed is {_listed(good)}; set"
                    f" net.ipv4.conf.all.{setting} and net.ipv4.conf.{link.name}.{setting} to"
                    f" {value} (sysctl -w), and find what changes them"
                )
    return ""


async def _concerned(ports: api.Ports, names: Iterable[str]) -> tuple[Link, ...]:
    wanted = tuple(names)
    there = await ask(ports, "this server's interfaces cannot be read", links)
    outer = {link.name: link for link in there if not link.loopback}
    for name in wanted:
        if name not in outer:
            raise api.Misconfigured(
                f"this server has no interface {name} beside the loopback interface: it has"
                f" {', '.join(outer) or 'none'}; correct interfaces, for this server alone under"
                " server.NAME if they differ"
            )
    return tuple(outer[name] for name in wanted or outer)


def _is_silent(ports: api.Ports, link: str, setting: str) -> bool:
    return _effective(ports, link, setting) in _SILENT[setting][1]


def _effective(ports: api.Ports, link: str, setting: str) -> int:
    """Give what holds for an interface: the greater of its own value and that for all."""
    paths = (f"/proc/sys/{_CONF}/{name}/{setting}" for name in ("all", link))
    values = [(ports.read(path) or "").strip() for path in paths]
    return max(int(value) if value.isdecimal() else 0 for value in values)


def _listed(values: frozenset[int]) -> str:
    return " or ".join(str(value) for value in sorted(values))
