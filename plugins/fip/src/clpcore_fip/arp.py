"""ARP: the probe and the announcement of RFC 5227."""

from __future__ import annotations

import socket
import struct
from typing import Final

from clpcore_lib_netlink import Link

_PACKET: Final = struct.Struct("!HHBBH6s4s6s4s")
_PROTOCOL: Final = 0x0806
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1
_HEAD: Final = (_ETHERNET, _IPV4, 6, 4)
_EVERYBODY: Final = b"\xff" * 6
_OUTGOING: Final = 4  # a packet that this very machine sends
_NOBODY: Final = "0.0.0.0"  # noqa: S104 - the sender of a probe, so that no cache learns from it

_Sockaddr = tuple[str, int, int, int, bytes]


def opened(link: Link) -> socket.socket:
    """Open a packet socket that sees the ARP packets of one interface."""
    found = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        found.bind((link.name, _PROTOCOL))
    except OSError:
        found.close()
        raise
    return found


def question(link: Link, ip: str) -> tuple[bytes, _Sockaddr]:
    """Give a probe."""
    return _packet(link, _NOBODY, ip), _to_everybody(link)


def announcement(link: Link, ip: str) -> tuple[bytes, _Sockaddr]:
    """Give a gratuitous request: whoever has *ip* in his cache learns our MAC address."""
    return _packet(link, ip, ip), _to_everybody(link)


def answer(opened: socket.socket, link: Link, ip: str) -> str:
    """Take one packet; give the MAC address of whoever sends as *ip*, in a question or a reply."""
    packet, sender = opened.recvfrom(256)
    if sender[2] == _OUTGOING or len(packet) < _PACKET.size:
        return ""
    *head, _, mac, claimed, _, _ = _PACKET.unpack_from(packet)
    is_claim = tuple(head) == _HEAD and claimed == socket.inet_aton(ip)
    return mac.hex(":") if is_claim and mac != _mac(link) else ""


def _packet(link: Link, sender: str, target: str) -> bytes:
    ours, theirs = socket.inet_aton(sender), socket.inet_aton(target)
    return _PACKET.pack(*_HEAD, _REQUEST, _mac(link), ours, bytes(6), theirs)


def _to_everybody(link: Link) -> _Sockaddr:
    return link.name, _PROTOCOL, 0, _ETHERNET, _EVERYBODY


def _mac(link: Link) -> bytes:
    return bytes.fromhex(link.mac.replace(":", ""))
