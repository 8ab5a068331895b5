"""Listening sockets and all connections: how many, from whom, and until when."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import contextlib
import ipaddress
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from clpcore_witness.service.web import READ_WITHIN, Connection, Handler

logger = logging.getLogger(__name__)

_BACKLOG: Final = 1_024
_SPARE: Final = 64  # descriptors for everything else
_TLS_BUFFER: Final = 16 << 10  # bytes, a TLS record; asyncio's 256 KiB are 2 GiB for 8,000 servers
_PAUSE: Final = 0.1  # seconds after which a process without descriptors looks again


class Connections:
    """All that is connected.

    Who has proven nothing yet may have *strangers* connections an address (IPv6: a /64), so that
    they cannot take the places of the clusters; who has proven a key counts no more, since many
    clusters may come from one address.
    """

    def __init__(self, handle: Handler, clock: Callable[[], int], strangers: int) -> None:
        """*handle* answers requests, *clock* gives ms."""
        self._handle = handle
        self._clock = clock
        self._strangers = strangers
        self._most = _descriptors() - _SPARE
        self._open: dict[Connection, str] = {}
        self._begun: dict[str, int] = {}  # by address: in a TLS handshake, or not yet proven
        self._tasks: set[asyncio.Task[None]] = set()
        self.context: ssl.SSLContext | None = None
        asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER

    def listen(self, listening: socket.socket, *, tls: bool) -> None:
        """Take connections from a socket that is bound, until ``close``."""
        listening.listen(_BACKLOG)
        listening.setblocking(False)
        self._spawn(self._accept(listening, tls=tls))

    def sweep(self) -> None:
        """End the connections that had their time, and count strangers anew."""
        now = self._clock()
        for connection in [one for one in self._open if one.is_late(now)]:
            connection.abort()
        for connection, address in list(self._open.items()):
            if address and connection.proven:
                self._open[connection] = ""
                self._less(address)

    async def close(self) -> None:
        """End everything."""
        for task in tuple(self._tasks):
            task.cancel()
        for connection in tuple(self._open):
            connection.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        for connection in tuple(self._open):
            connection.abort()

    async def _accept(self, listening: socket.socket, *, tls: bool) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.closing(listening):
            while True:
                try:
                    taken, address = await loop.sock_accept(listening)
                except OSError as error:  # no descriptors; a client that has gone already
                    logger.debug("accept: %s", error)
                    await asyncio.sleep(_PAUSE)
                    continue
                whose = _whose(address)
                if self._begun.get(whose, 0) >= self._strangers or self._count() >= self._most:
                    taken.close()
                    continue
                self._begun[whose] = self._begun.get(whose, 0) + 1
                self._spawn(self._begin(taken, whose, self.context if tls else None))

    async def _begin(
        self, taken: socket.socket, whose: str, context: ssl.SSLContext | None
    ) -> None:
        connection = Connection(self._handle, self._clock)
        connection.gone = lambda: self._gone(connection)
        self._open[connection] = whose
        loop = asyncio.get_running_loop()
        timeout = READ_WITHIN / 1_000 if context else None
        try:
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: connection, taken, ssl=context, ssl_handshake_timeout=timeout
            )
        except (OSError, asyncio.CancelledError) as error:  # an ssl.SSLError is an OSError
            logger.debug("a connection of %s did not begin: %s", whose, error)
            taken.close()
            self._gone(connection)

    def _gone(self, connection: Connection) -> None:
        if address := self._open.pop(connection, ""):
            self._less(address)

    def _less(self, address: str) -> None:
        self._begun[address] -= 1
        if not self._begun[address]:
            del self._begun[address]

    def _count(self) -> int:
        return len(self._open)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _whose(address: Sequence[str]) -> str:
    """Give the address that a connection counts for; what is no IP address is its own."""
    try:
        ip = ipaddress.ip_address(address[0].partition("%")[0])
    except (ValueError, IndexError):
        return str(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def _descriptors() -> int:
    """Take as many file descriptors as this process may have; give how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
