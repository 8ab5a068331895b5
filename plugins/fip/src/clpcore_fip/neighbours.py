"""The other machines on the network: has one of them this address, and tell them that we have it.

Functions that block, for ``ask``; both raise OSError when the packet cannot be sent.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from typing import Any, Final, Protocol

from clpcore_fip import arp, ndisc
from clpcore_lib_netlink import Link

_PROBES: Final = 3  # in the time of one question; RFC 5227 asks as often


class _Protocol(Protocol):
    """How addresses are resolved: ARP for IPv4, neighbour discovery for IPv6."""

    def opened(self, link: Link) -> socket.socket:
        """Open a socket for its packets on one interface."""
        ...

    def question(self, link: Link, ip: str) -> tuple[bytes, Any]:
        """Give the packet that asks who has *ip*, and where it goes."""
        ...

    def announcement(self, link: Link, ip: str) -> tuple[bytes, Any]:
        """Give the packet that says we have *ip*, and where it goes."""
        ...

    def answer(self, opened: socket.socket, link: Link, ip: str) -> str:
        """Take one packet; give who says in it to have *ip*, another than we."""
        ...


def who_has(link: Link, ip: str, timeout: int) -> str:
    """Give the MAC address of another machine that says it has *ip*; empty: silence.

    Args:
        link: where to ask; on one that resolves no addresses nobody is asked.
        ip: an address that this server may have or not.
        timeout: milliseconds to wait for an answer.

    """
    if not link.mac:
        return ""
    try:
        return _ask(_protocol(ip), link, ip, timeout / 1_000)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:  # IPv6 without an address to ask from: the kernel
            return ""  # asks when it gets this one
        raise


def _ask(protocol: _Protocol, link: Link, ip: str, seconds: float) -> str:
    began = time.monotonic()
    with protocol.opened(link) as opened:
        for probe in range(1, _PROBES + 1):
            opened.sendto(*protocol.question(link, ip))
            until = began + seconds * probe / _PROBES
            while (left := until - time.monotonic()) > 0:
                opened.settimeout(left)
                try:
                    if who := protocol.answer(opened, link, ip):
                        return who
                except TimeoutError:
                    break
    return ""


def announce(link: Link, ip: str) -> None:
    """Tell everybody on the network, once, that *ip* is at this server now."""
    if not link.mac:
        return
    protocol = _protocol(ip)
    with protocol.opened(link) as opened:
        opened.sendto(*protocol.announcement(link, ip))


def _protocol(ip: str) -> _Protocol:
    return arp if isinstance(ipaddress.ip_address(ip), ipaddress.IPv4Address) else ndisc
