"""Where a floating address goes: which interface of this server, with which prefix."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

import attrs

from clpcore import api
from clpcore_lib_netlink import Held, Link, tenancy

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@attrs.frozen
class Place:
    """An interface, and the address as it will be there."""

    link: Link
    held: Held


def choose(
    wanted: str, interface: str, resource: str, links: Iterable[Link], held: Iterable[Held]
) -> Place:
    """Give the place for an address.

    Args:
        wanted: the address, with or without a prefix.
        interface: where it must go; empty: where this server has an address of the same subnet.
        resource: whose it is, for the label.
        links: the server's interfaces.
        held: the server's addresses.

    Raises:
        Misconfigured: there is no such interface, or no such subnet; the text says what there is.

    """
    by_name = {link.name: link for link in links}
    ip, _, prefix = wanted.partition("/")
    there = [each for each in held if each.link in by_name and each.ip != ip]
    if interface and interface not in by_name:
        raise api.Misconfigured(
            f"this server has no interface {interface}: it has {_listed(by_name)}; correct"
            " interface, for this server alone under server.NAME if they differ"
        )
    fits = [each for each in _same_subnet(ip, there) if interface in {"", each.link}]
    if not fits and not interface:
        have = _listed(f"{each.address} on {each.link}" for each in there)
        raise api.Misconfigured(
            f"{ip} is in no subnet of this server, which has {have}: correct ip, or name the"
            " interface (and write ip with its prefix)"
        )
    if not fits and not prefix:
        raise api.Misconfigured(
            f"{interface} has no address in the subnet of {ip}: write ip with its prefix,"
            f' such as "{ip}/24"'
        )
    best = max(fits, key=lambda each: _rank(by_name, each), default=None)
    name = interface or (best.link if best else "")
    length = prefix or (best.address.partition("/")[2] if best else "")
    label = "" if ":" in ip else tenancy.label(name, resource)
    return Place(by_name[name], Held(link=name, address=f"{ip}/{length}", label=label))


def _same_subnet(ip: str, there: Iterable[Held]) -> Iterator[Held]:
    """Give the addresses whose network holds *ip*; one that is alone in its network has none."""
    for each in there:
        network = ipaddress.ip_interface(each.address).network
        if network.num_addresses > 1 and ipaddress.ip_address(ip) in network:
            yield each


def _rank(by_name: dict[str, Link], each: Held) -> tuple[bool, int, int]:
    """Prefer an interface that works, the narrower subnet, the first interface."""
    link = by_name[each.link]
    return not link.fault, int(each.address.partition("/")[2]), -link.index


def _listed(things: Iterable[str]) -> str:
    return ", ".join(things) or "none"
