"""Resets TCP connections of this machine, as ``ss --kill`` does.

A balancer leaves established flows where they are: their clients would wait for the old server, up
to the idle timeout of minutes, or for ever. The only way into other programs' connections is the
kernel's: SOCK_DESTROY of its socket diagnosis (netlink), which needs CAP_NET_ADMIN and a kernel
with CONFIG_INET_DIAG_DESTROY. Both ends see a reset, even where the client's machine is silent.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Final

_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY, _DESTROY = 20, 21  # the kernel's message types
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ASKED: Final = struct.Struct("=BBBxI")  # family, protocol, extensions, states
_FOUND: Final = struct.Struct("=BBBB")  # family, state, timer, retransmits; then the socket's id
_ID: Final = 48  # bytes: ports, addresses, interface, cookie
# Neither CLOSE (7) nor LISTEN (10), and not TIME_WAIT (6), where nobody waits any more.
_OPEN: Final = 0xFFF & ~(1 << 6 | 1 << 7 | 1 << 10)
_ANY: Final = 0xFFFF_FFFF
_PATIENCE: Final = 5.0  # seconds; the kernel answers at once
_LONGEST: Final = 1 << 16
_IPV6: Final = 16  # bytes of an address
_MAPPED: Final = bytes(10) + b"\xff\xff"
_NOBODY: Final = struct.pack("!HH", 0, 0) + bytes(_ID - 12) + struct.pack("=II", _ANY, _ANY)


def cannot() -> str:
    """Say why connections cannot be reset on this machine; empty: they can.

    Raises:
        OSError: the kernel gives no socket to ask it by, or no answer.

    """
    with _asking() as kernel:
        code = _destroy(kernel, socket.AF_INET, _NOBODY)  # who is nobody's is not found
    if code in {0, errno.ENOENT}:
        return ""
    if code == errno.EOPNOTSUPP:
        return "this kernel is built without CONFIG_INET_DIAG_DESTROY"
    return f"the kernel says {os.strerror(code)}"


def reset(ports: Collection[int], addresses: Collection[str] = ()) -> int:
    """Reset every connection to one of these ports of this machine; give how many there were.

    With *addresses* those to any other address of it are left alone. Those that come later, to who
    still listens there, are not touched.

    Raises:
        OSError: the kernel does not do it; none, or not all, were reset.

    """
    wanted = {_packed(address) for address in addresses}
    with _asking() as kernel:
        found = [
            (family, each)
            for family in (socket.AF_INET, socket.AF_INET6)
            for each in _connections(kernel, family)
            if int.from_bytes(each[:2]) in ports and (not wanted or _local(family, each) in wanted)
        ]
        for family, each in found:
            code = _destroy(kernel, family, each)
            if code not in {0, errno.ENOENT}:  # it may have ended meanwhile
                raise OSError(code, os.strerror(code))
    return len(found)


def _packed(address: str) -> bytes:
    """Give an address in 16 bytes: one of IPv4 as IPv6 sockets have it."""
    packed = ipaddress.ip_address(address).packed
    return packed if len(packed) == _IPV6 else _MAPPED + packed


def _local(family: int, socket_id: bytes) -> bytes:
    """Give the local address of a connection, in 16 bytes."""
    return _MAPPED + socket_id[4:8] if family == socket.AF_INET else socket_id[4:20]


def _asking() -> socket.socket:
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _DIAG)
    kernel.settimeout(_PATIENCE)
    return kernel


def _connections(kernel: socket.socket, family: int) -> Iterator[bytes]:
    """Give the id of every open connection."""
    _send(kernel, _BY_FAMILY, _DUMP, family, bytes(_ID))
    while True:
        for kind, body in _messages(kernel.recv(_LONGEST)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = _code(body)
                raise OSError(code, os.strerror(code))
            yield body[_FOUND.size : _FOUND.size + _ID]


def _destroy(kernel: socket.socket, family: int, socket_id: bytes) -> int:
    """Reset one connection; give the kernel's error number, 0 for none."""
    _send(kernel, _DESTROY, _ACK, family, socket_id)
    ((_, body),) = _messages(kernel.recv(_LONGEST))
    return _code(body)


def _send(kernel: socket.socket, kind: int, flags: int, family: int, socket_id: bytes) -> None:
    body = _ASKED.pack(family, socket.IPPROTO_TCP, 0, _OPEN) + socket_id
    kernel.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, 1, 0) + body)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _code(body: bytes) -> int:
    (negative,) = struct.unpack_from("=i", body)
    return -int(negative)
