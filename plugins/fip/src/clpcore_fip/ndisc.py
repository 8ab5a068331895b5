"""IPv6 neighbour discovery (RFC 4861): solicitation and unsolicited advertisement."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable
from typing import Final

from clpcore_lib_netlink import Link

_SOLICITATION, _ADVERTISEMENT = 135, 136
_OVERRIDE: Final = 0x2000_0000  # whoever has another MAC address for this one takes ours
_HEADER: Final = struct.Struct("!BBHI16s")  # type, code, checksum, flags, target
_OUR_MAC, _THEIR_MAC = 1, 2  # options: the sender's of a question, the target's of an answer
_FROM_THIS_NETWORK: Final = 255  # hops: no router has passed it on
_EVERYBODY: Final = "ff02::1"
_FILTER: Final = 1  # ICMP6_FILTER: a bit for every type that is kept out
_WORD, _BIT = divmod(_ADVERTISEMENT, 32)
_ONLY_ANSWERS: Final = struct.pack(
    "=8I", *(0xFFFF_FFFF ^ (word == _WORD) << _BIT for word in range(8))
)

_Sockaddr = tuple[str, int, int, int]


def opened(link: Link) -> socket.socket:
    """Open a raw socket that sees the advertisements on one interface."""
    found = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.name.encode())
        found.setsockopt(socket.IPPROTO_ICMPV6, _FILTER, _ONLY_ANSWERS)
        for option, value in (
            (socket.IPV6_MULTICAST_IF, link.index),
            (socket.IPV6_MULTICAST_HOPS, _FROM_THIS_NETWORK),
            (socket.IPV6_RECVHOPLIMIT, 1),
        ):
            found.setsockopt(socket.IPPROTO_IPV6, option, value)
    except OSError:
        found.close()
        raise
    return found


def question(link: Link, ip: str) -> tuple[bytes, _Sockaddr]:
    """Give a solicitation."""
    last = int(ipaddress.IPv6Address(ip)) & 0xFF_FFFF
    group = ipaddress.IPv6Address(int(ipaddress.IPv6Address("ff02::1:ff00:0")) | last)
    return _packet(_SOLICITATION, 0, ip, (_OUR_MAC, link)), (str(group), 0, 0, link.index)


def announcement(link: Link, ip: str) -> tuple[bytes, _Sockaddr]:
    """Give an unsolicited advertisement."""
    packet = _packet(_ADVERTISEMENT, _OVERRIDE, ip, (_THEIR_MAC, link))
    return packet, (_EVERYBODY, 0, 0, link.index)


def answer(opened: socket.socket, link: Link, ip: str) -> str:
    """Take one packet; give the MAC address of whoever advertises *ip*."""
    packet, control, _, sender = opened.recvmsg(1_500, socket.CMSG_SPACE(4))
    if len(packet) < _HEADER.size or not _is_from_here(control):
        return ""
    kind, code, _, _, target = _HEADER.unpack_from(packet)
    if (kind, code, target) != (_ADVERTISEMENT, 0, ipaddress.IPv6Address(ip).packed):
        return ""
    mac = _mac_in(packet[_HEADER.size :])
    return (mac or str(sender[0])) if mac != link.mac else ""


def _packet(kind: int, flags: int, ip: str, option: tuple[int, Link]) -> bytes:
    """Give a packet; the kernel puts its checksum."""
    which, link = option
    mac = bytes.fromhex(link.mac.replace(":", ""))
    target = ipaddress.IPv6Address(ip).packed
    return _HEADER.pack(kind, 0, 0, flags, target) + bytes((which, 1)) + mac


def _is_from_here(control: Iterable[tuple[int, int, bytes]]) -> bool:
    hops = (
        data
        for level, kind, data in control
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)
    )
    return next(hops, b"") == struct.pack("=i", _FROM_THIS_NETWORK)


def _mac_in(options: bytes) -> str:
    """Give the MAC address that an advertisement names; many leave it out."""
    while len(options) >= 8 and options[1]:  # noqa: PLR2004 - an option is eights of bytes
        if options[0] == _THEIR_MAC:
            return options[2:8].hex(":")
        options = options[options[1] * 8 :]
    return ""
