"""One echo request to each address, and the wait for the replies."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api

_HEADER: Final = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence
_NONCE: Final = 16  # bytes by which a reply is known as one to this very question
_V4: Final = (socket.AF_INET, socket.IPPROTO_ICMP, 8, 0)  # family, protocol, request, reply
_V6: Final = (socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129)
_NO_WAY: Final = frozenset(
    {
        errno.EADDRNOTAVAIL,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENODEV,
        errno.ENXIO,
    }
)


@attrs.frozen(kw_only=True)
class Answer:
    """What one address said: *rtt* in microseconds, or None and *why*.

    *asked*: the network was; where the kernel knows no way there, that is its answer. False: this
    server could not ask (no buffers, a firewall of its own), which says nothing of the network.
    """

    address: str
    rtt: int | None = None
    why: str = ""
    asked: bool = True


def ping(addresses: Iterable[str], timeout: int) -> dict[str, Answer]:
    """Ask each address once, all at the same time; block until all have answered or time is up.

    Args:
        addresses: IPv4 or IPv6 addresses, no names; a link-local one with its ``%interface``.
        timeout: milliseconds for all together.

    Raises:
        Misconfigured: one of them is no address.
        NotInstalled: this process may open no socket for ICMP.

    """
    asked = tuple(dict.fromkeys(addresses))
    targets = {address: _sockaddr(address) for address in asked}
    started = time.monotonic_ns()
    with contextlib.ExitStack() as stack:
        questions = _Questions(stack)
        for address, (family, sockaddr) in targets.items():
            questions.ask(address, family, sockaddr)
        questions.wait(started + timeout * 1_000_000)
    silent = f"no answer within {timeout / 1_000:g} s"
    return {
        address: questions.answers.get(address) or Answer(address=address, why=silent)
        for address in asked
    }


def _sockaddr(address: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        ipaddress.ip_address(address)
        found = socket.getaddrinfo(address, None, flags=socket.AI_NUMERICHOST)
    except (ValueError, OSError):
        raise api.Misconfigured(
            f"{address} is no address to ping: write an IPv4 or IPv6 address; a link-local one"
            " with its interface (fe80::1%eth0)"
        ) from None
    family, _, _, _, sockaddr = found[0]
    return family, sockaddr  # type: ignore[return-value]  # longer for IPv6; we only hand it back


@attrs.define
class _Pending:
    address: str
    host: ipaddress.IPv4Address | ipaddress.IPv6Address
    sent: int  # ns


@attrs.define
class _Questions:
    """What was asked and not yet answered, by the random bytes of each question."""

    stack: contextlib.ExitStack
    answers: dict[str, Answer] = attrs.field(factory=dict)
    _sockets: dict[int, socket.socket] = attrs.field(factory=dict)
    _pending: dict[bytes, _Pending] = attrs.field(factory=dict)

    def ask(self, address: str, family: int, sockaddr: tuple[str, int]) -> None:
        """Send a request; one that cannot be sent is answered at once, with the reason."""
        _, _, request, _ = _traits(family)
        if family not in self._sockets:
            self._sockets[family] = self.stack.enter_context(_opened(family))
        nonce, sequence = os.urandom(_NONCE), len(self._pending) & 0xFFFF
        self._pending[nonce] = _Pending(
            address, ipaddress.ip_address(sockaddr[0]), time.monotonic_ns()
        )
        try:
            self._sockets[family].sendto(_packet(request, sequence, nonce), sockaddr)
        except OSError as error:
            del self._pending[nonce]
            no_way = error.errno in _NO_WAY
            said = f"{'no way there' if no_way else 'cannot be asked'}: {error.strerror or error}"
            self.answers[address] = Answer(address=address, why=said, asked=no_way)

    def wait(self, until: int) -> None:
        """Take replies until all are there or the time *until* (ns, monotonic) has come."""
        with selectors.DefaultSelector() as selector:
            for family, opened in self._sockets.items():
                selector.register(opened, selectors.EVENT_READ, family)
            while self._pending and (left := until - time.monotonic_ns()) > 0:
                for key, _ in selector.select(left / 1e9):
                    self._take(key.data, self._sockets[key.data])

    def _take(self, family: int, opened: socket.socket) -> None:
        try:
            packet, sender = opened.recvfrom(2_048)
        except OSError:  # an ICMP error that the kernel reports: silence will tell
            return
        nonce = _nonce_of_reply(family, opened.type, packet)
        question = self._pending.get(nonce)
        if question is None or ipaddress.ip_address(sender[0]) != question.host:
            return
        del self._pending[nonce]
        took = (time.monotonic_ns() - question.sent) // 1_000
        self.answers[question.address] = Answer(address=question.address, rtt=took)


def _traits(family: int) -> tuple[int, int, int, int]:
    return _V4 if family == socket.AF_INET else _V6


def _opened(family: int) -> socket.socket:
    """Open a ping socket where this group may have one, else a raw one."""
    family, protocol, _, _ = _traits(family)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(PermissionError):
            opened = socket.socket(family, kind, protocol)
            opened.setblocking(False)
            return opened
    raise api.NotInstalled(
        "this server lets us send no ICMP echo: run the agent as root (CAP_NET_RAW), or put its"
        " group into the sysctl net.ipv4.ping_group_range"
    )


def _packet(kind: int, sequence: int, nonce: bytes) -> bytes:
    """Give an echo request; the kernel puts its own identifier, and a checksum for IPv6."""
    blank = _HEADER.pack(kind, 0, 0, os.getpid() & 0xFFFF, sequence) + nonce
    return _HEADER.pack(kind, 0, _checksum(blank), os.getpid() & 0xFFFF, sequence) + nonce


def _checksum(even: bytes) -> int:
    """Give the Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return ~total & 0xFFFF


def _nonce_of_reply(family: int, kind: int, packet: bytes) -> bytes:
    """Give the random bytes that an echo reply carries; anything else gives none."""
    _, _, _, reply = _traits(family)
    if family == socket.AF_INET and kind == socket.SOCK_RAW:  # it comes with its IP header
        packet = packet[(packet[0] & 0x0F) * 4 :] if packet else b""
    is_reply = len(packet) == _HEADER.size + _NONCE and packet[0] == reply
    return packet[_HEADER.size :] if is_reply else b""
