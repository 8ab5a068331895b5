"""The kernel's interfaces and addresses: functions that block, for ``ask``; all raise OSError."""

# ruff: noqa: ANN401 - pyroute2 has no types

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

_IFF_UP: Final = 0x1
_IFF_LOOPBACK: Final = 0x8
_IFF_NOARP: Final = 0x80
_IFF_LOWER_UP: Final = 0x1_0000
_IFA_F_DADFAILED: Final = 0x08
_IFA_F_TENTATIVE: Final = 0x40
_FOREVER: Final = 0xFFFF_FFFF
_MAC: Final = len("00:00:00:00:00:00")
_TRIES: Final = 5  # for a list that the kernel changed while we read it


@attrs.frozen(kw_only=True)
class Link:
    """A network interface. *up*: switched on; *carrier*: something is at the other end."""

    index: int
    name: str
    up: bool
    carrier: bool
    loopback: bool = False
    mac: str = ""  # empty: it is no Ethernet, nobody resolves addresses on it

    @property
    def fault(self) -> str:
        """Say why nothing can be sent, as the end of a sentence; empty: something can."""
        if not self.up:
            return f"{self.name} is switched off (ip link set {self.name} up)"
        return "" if self.carrier else f"{self.name} has no link (cable, switch or virtual network)"


@attrs.frozen(kw_only=True)
class Held:
    """An address that this server has: *address* with its prefix; IPv6 has no *label*.

    *tentative*: the kernel still asks whether another machine has it; *duplicate*: one has.
    """

    link: str
    address: str
    label: str = ""
    tentative: bool = False
    duplicate: bool = False

    @property
    def ip(self) -> str:
        """Give the address alone."""
        return self.address.partition("/")[0]


def links() -> tuple[Link, ...]:
    """Give the interfaces, in the kernel's order."""
    return tuple(_link(found) for found in _dump("get_links"))


def _link(found: Any) -> Link:
    flags, mac = found["flags"], found.get_attr("IFLA_ADDRESS") or ""
    resolves = len(mac) == _MAC and not flags & (_IFF_LOOPBACK | _IFF_NOARP)
    return Link(
        index=found["index"],
        name=found.get_attr("IFLA_IFNAME"),
        up=bool(flags & _IFF_UP),
        carrier=bool(flags & _IFF_LOWER_UP),
        loopback=bool(flags & _IFF_LOOPBACK),
        mac=mac if resolves else "",
    )


def addresses() -> tuple[Held, ...]:
    """Give the addresses of all interfaces."""
    names = {link.index: link.name for link in links()}
    return tuple(
        _held(names[found["index"]], found)
        for found in _dump("get_addr")
        if found["index"] in names  # an interface that came in between is for the next look
    )


def _held(link: str, found: Any) -> Held:
    ip = ipaddress.ip_address(found.get_attr("IFA_LOCAL") or found.get_attr("IFA_ADDRESS"))
    flags = found.get_attr("IFA_FLAGS") or found["flags"]
    return Held(
        link=link,
        address=f"{ip}/{found['prefixlen']}",
        label=found.get_attr("IFA_LABEL") or "",
        tentative=bool(flags & _IFA_F_TENTATIVE),
        duplicate=bool(flags & _IFA_F_DADFAILED),
    )


def add(link: str, address: str, label: str) -> None:
    """Give *address* (with its prefix) to an interface.

    An IPv6 address is added as deprecated: it answers, but nothing of this server goes out from it
    by default. An IPv4 address beside one of the same subnet behaves so by itself.

    Raises:
        FileExistsError: it is there already.

    """
    interface = ipaddress.ip_interface(address)
    more = {"label": label} if interface.version == 4 else {"preferred": 0, "valid": _FOREVER}  # noqa: PLR2004
    with _netlink() as netlink:
        netlink.addr(
            "add",
            index=_index(netlink, link),
            address=str(interface.ip),
            prefixlen=interface.network.prefixlen,
            **more,
        )


def remove(link: str, address: str) -> None:
    """Take *address* (with its prefix) from an interface; not there is fine.

    IPv4 addresses in the same subnet that were added later must stay: without
    ``promote_secondaries`` the kernel removes them with the first one.
    """
    interface = ipaddress.ip_interface(address)
    with contextlib.suppress(OSError):  # /proc/sys can be read-only; mostly there are no others
        set_sysctl(f"net/ipv4/conf/{link}/promote_secondaries", "1")
    try:
        with _netlink() as netlink:
            netlink.addr(
                "del",
                index=_index(netlink, link),
                address=str(interface.ip),
                prefixlen=interface.network.prefixlen,
            )
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise


def set_sysctl(name: str, value: str) -> None:
    """Set one of the kernel's settings, named by its path under /proc/sys."""
    Path("/proc/sys", name).write_text(value, encoding="ascii")


def _index(netlink: Any, link: str) -> int:
    found: list[int] = netlink.link_lookup(ifname=link)
    if not found:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return found[0]


def _dump(what: str) -> list[Any]:
    from pyroute2 import NetlinkDumpInterrupted  # type: ignore[import-untyped] # noqa: PLC0415

    with _netlink() as netlink:
        for _ in range(_TRIES):
            with contextlib.suppress(NetlinkDumpInterrupted):
                return list(getattr(netlink, what)())
    raise OSError(
        f"they changed {_TRIES} times while they were read; look at what changes them (ip monitor)"
    )


@contextlib.contextmanager
def _netlink() -> Iterator[Any]:
    """Open netlink; the kernel's refusals are OSErrors."""
    # 85 ms and 13 MB that the agent, which only reads specs, never needs.
    from pyroute2 import IPRoute, NetlinkError  # noqa: PLC0415

    try:
        with IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from error
