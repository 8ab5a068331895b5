"""Heartbeats on UDP: for each path a socket to every other server, connected and bound.

The kernel hands a connected socket what comes from its peer's address alone, so that a flood from
elsewhere fills no buffer that a heartbeat needs. What comes from elsewhere lands on one more
socket, which is looked at a little now and then: its seal decides what a heartbeat is, not its
address.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import attrs

from clpcore.model.ports import HEARTBEAT_UDP

_LARGEST: Final = 65_536
_AT_ONCE: Final = 64  # datagrams read from one socket before others have their turn
_PEER_REST, _STRANGER_REST = 0.01, 0.1  # seconds without reading after so many at once
_BUFFER: Final = 1 << 20
_INTERACTIVE: Final = 6  # leaves this machine before bulk traffic

Receive = Callable[[str, str, bytes], None]


@attrs.frozen
class Path:
    """One interconnect: our address on it, and those of the others by server."""

    name: str
    mine: str
    others: Mapping[str, str]


class Link:
    """One open heartbeat path. It opens wholly, or not at all with OSError."""

    def __init__(self, path: Path, receive: Receive, port: int = HEARTBEAT_UDP) -> None:
        """Open the sockets; *receive* gets each datagram, on the loop.

        Before it, the path's name and whose address it came from: "" if that of no other server.
        """
        self.path = path
        self._receive = receive
        self._buffer = bytearray(_LARGEST)
        self._loop = asyncio.get_running_loop()
        self._rests: dict[socket.socket, asyncio.TimerHandle] = {}
        self._stranger, *self._peers = _open_all(path, port)
        self._owners = dict(zip(self._peers, path.others, strict=True))
        for sock in self._sockets:
            self._loop.add_reader(sock, self._readable, sock)

    @property
    def _sockets(self) -> Iterable[socket.socket]:
        return (self._stranger, *self._peers)

    def send(self, datagram: bytes) -> None:
        """Send to every other server; what the network refuses is lost, like on any network."""
        for sock in self._peers:
            with contextlib.suppress(OSError):
                try:
                    sock.send(datagram)
                except ConnectionRefusedError:  # that was an earlier one's fate, told only now
                    sock.send(datagram)

    def drain(self) -> None:
        """Read what waits: after a pause, silence counts from what was not heard at all."""
        for sock in self._peers:
            self._read(sock)

    def close(self) -> None:
        """Close the path."""
        for timer in self._rests.values():
            timer.cancel()
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()

    def _readable(self, sock: socket.socket) -> None:
        if not self._read(sock):
            return
        # More than heartbeats come: let it rest, so that a flood costs no more than this.
        self._loop.remove_reader(sock)
        rest = _STRANGER_REST if sock is self._stranger else _PEER_REST
        self._rests[sock] = self._loop.call_later(rest, self._rested, sock)

    def _rested(self, sock: socket.socket) -> None:
        self._loop.add_reader(sock, self._readable, sock)

    def _read(self, sock: socket.socket) -> bool:
        """Read some; True if there may be more."""
        for _ in range(_AT_ONCE):
            try:
                size = sock.recv_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                continue  # what an earlier datagram met, e.g. that nobody listens there
            data = bytes(memoryview(self._buffer)[:size])
            self._receive(self.path.name, self._owners.get(sock, ""), data)
        return True


def _open_all(path: Path, port: int) -> list[socket.socket]:
    """Give the socket for strangers, then one for each other server."""
    with contextlib.ExitStack() as stack:
        # The first one shares with nobody, so that a port in use is found out; then ours join it.
        sockets = [stack.enter_context(_open(path.mine, port, share=False))]
        _share(sockets[0], share=True)
        for address in path.others.values():
            sock = stack.enter_context(_open(path.mine, port, share=True))
            sock.connect((address, port))
            sockets.append(sock)
        for sock in sockets:
            _share(sock, share=False)
        stack.pop_all()
    return sockets


def _open(address: str, port: int, *, share: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        _share(sock, share=share)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _INTERACTIVE)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _share(sock: socket.socket, *, share: bool) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, share)
