"""Ethernet, ARP, IPv4 and TCP as bytes: where the fields are, and their sums."""

import struct

BROADCAST = b"\xff" * 6

_ARP = b"\x08\x06"
_ARP_REQUEST = b"\x00\x01"
_ARP_LENGTH = 42
_TCP_OVER_IPV4 = (b"\x08\x00\x45", 6)  # without IP options: no stack sends them unasked
_TCP_LENGTH = 54
_FRAGMENT = 0x3FFF  # more fragments, or an offset: not the head of a whole packet

SOURCE_IP = slice(26, 30)
TARGET_IP = slice(30, 34)
SOURCE_PORT = slice(34, 36)
TARGET_PORT = slice(36, 38)
_FLAGS = 47

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


def mac_of(address: bytes) -> bytes:
    """Give the hardware address that the lab uses for an IPv4 address: 02:00 and the address."""
    return b"\x02\x00" + address


def arp_wanted(frame: bytes) -> bytes | None:
    """Give the address that an ARP request of another host asks for; None for anything else.

    Probes and announcements (sender 0.0.0.0, or asking for itself) are nobody's to answer.
    """
    if frame[12:14] != _ARP or frame[20:22] != _ARP_REQUEST or len(frame) < _ARP_LENGTH:
        return None
    sender, target = frame[28:32], frame[38:42]
    return None if sender in {target, bytes(4)} else target


def arp_answer(request: bytes, mac: bytes) -> bytes:
    """Answer an ARP request: the address is at `mac`."""
    ethernet = request[6:12] + mac + _ARP
    return ethernet + request[14:20] + b"\x00\x02" + mac + request[38:42] + request[22:32]


def is_tcp(frame: bytes) -> bool:
    """Tell whether a frame carries a whole TCP segment over IPv4."""
    ethertype, protocol = _TCP_OVER_IPV4
    if len(frame) < _TCP_LENGTH or frame[12:15] != ethertype or frame[23] != protocol:
        return False
    return not int.from_bytes(frame[20:22]) & _FRAGMENT


def tcp_flags(frame: bytes) -> int:
    return frame[_FLAGS]


def _sum(data: bytes) -> int:
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def _adjusted(checksum: bytes, old: bytes, new: bytes) -> bytes:
    """Give a checksum after `old` became `new` under it (RFC 1624)."""
    words = len(old) // 2
    total = (0xFFFF - int.from_bytes(checksum)) + words * 0xFFFF - _sum(old) + _sum(new)
    while total > 0xFFFF:  # noqa: PLR2004
        total = (total & 0xFFFF) + (total >> 16)
    return (0xFFFF - total).to_bytes(2)


def readdress(
    frame: bytes, *, macs: bytes, source: tuple[bytes, bytes], target: tuple[bytes, bytes]
) -> bytes:
    """Rewrite where a TCP frame comes from and goes to, sums included.

    Args:
        frame: a frame for which `is_tcp` holds.
        macs: target and source hardware address, 12 bytes.
        source: IPv4 address and port.
        target: IPv4 address and port.
    """
    addresses, ports = source[0] + target[0], source[1] + target[1]
    ip_sum = _adjusted(frame[24:26], frame[26:34], addresses)
    tcp_sum = _adjusted(frame[50:52], frame[26:38], addresses + ports)
    head = macs + frame[12:24] + ip_sum + addresses + ports
    return head + frame[38:50] + tcp_sum + frame[52:]
