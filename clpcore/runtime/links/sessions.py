"""One session with every other server: the lower name calls, over the first path that works."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import attrs

from clpcore.model.ids import Incarnation
from clpcore.model.peer import Letter
from clpcore.model.ports import ORDERS_TCP
from clpcore.model.revisions import Dispatch
from clpcore.runtime import clock
from clpcore.runtime.links.complaints import Complaints
from clpcore.runtime.links.connection import Connection
from clpcore.runtime.links.heartbeats import Path
from clpcore.wire import hello, keys
from clpcore.wire.hello import Identity
from clpcore.wire.session import Session

_CONNECT: Final = 1.0  # seconds
_PAUSE_FIRST, _PAUSE_MOST = 0.05, 1.0  # seconds between two calls
# Callers that have not proven the key yet: in all, not counting the addresses of the configuration,
# and of any one address.
_STRANGERS, _OF_ONE_ADDRESS = 64, 8
_BACKLOG: Final = 1_024  # a flood that fills it keeps the servers out
_AT_ONCE: Final = 16  # callers that are let in before heartbeats have their turn
# Letters that are written just before a session stands; older ones their senders have repeated.
_EARLY_LETTERS: Final = 64
_EARLY: Final = 1_000  # ms

Receive = Callable[[str, Incarnation, Letter | Dispatch], None]
Meet = Callable[[Identity], None]


@attrs.frozen(kw_only=True)
class Credentials:
    """What this server proves itself with."""

    me: Identity
    ring: keys.KeyRing
    cluster: str


class Sessions:
    """The sessions of this server."""

    def __init__(
        self,
        credentials: Credentials,
        paths: Sequence[Path],
        complaints: Complaints,
        *,
        user_timeout: int,
        receive: Receive,
        meet: Meet,
        port: int = ORDERS_TCP,
    ) -> None:
        """Name the paths, best first.

        Args:
            credentials: who we are.
            paths: the interconnects.
            complaints: counts what is dropped.
            user_timeout: ms until a peer that takes no data is given up.
            receive: gets sender, its incarnation and the letter.
            meet: gets who has just proven the key.
            port: the TCP port of every server.

        """
        self._credentials = credentials
        self._paths = paths
        self._complaints = complaints
        self._user_timeout = user_timeout
        self._receive = receive
        self._meet = meet
        self._port = port
        self._peers = {name for path in paths for name in path.others}
        self._addresses = {address for path in paths for address in path.others.values()}
        self._open: dict[str, Connection] = {}
        self._early: dict[str, collections.deque[tuple[int, Letter | Dispatch]]] = {
            name: collections.deque(maxlen=_EARLY_LETTERS) for name in self._peers
        }
        self._unproven: dict[Connection, str] = {}  # and the address of each
        self._awake = {name: asyncio.Event() for name in self._peers}
        self._callers: list[asyncio.Task[None]] = []

    @property
    def peers(self) -> Mapping[str, Identity]:
        """Give who is connected, by name."""
        found = {name: connection.peer for name, connection in self._open.items()}
        return {name: peer for name, peer in found.items() if peer is not None}

    def start(self) -> None:
        """Begin to call the servers of higher names."""
        self._callers = [
            asyncio.create_task(self._keep_calling(name), name=f"calls {name}")
            for name in sorted(self._peers)
            if name > self._credentials.me.server
        ]

    async def listen(self, address: str) -> asyncio.Server:
        """Take calls on *address*.

        Raises:
            OSError: it cannot be bound.

        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.create_server((address, self._port), family=family)
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: self._connection(initiator=False, peers=self._peers),
                sock=sock,
                backlog=_AT_ONCE,  # asyncio also lets in as many in one go
            )
        except BaseException:
            sock.close()
            raise
        sock.listen(_BACKLOG)
        return server

    def send(self, to: str, letter: Letter | Dispatch) -> None:
        """Send a letter. Without a session it waits for one a moment; its sender asks again."""
        connection = self._open.get(to)
        if connection is not None:
            connection.send(letter)
        else:
            self._early[to].append((clock.now() + _EARLY, letter))

    def wake(self, peer: str) -> None:
        """Say that *peer* gave a sign of life: call it now if there is no session."""
        if peer not in self._open:
            self._awake[peer].set()

    async def finish(self, within: float) -> None:
        """Send what waits, and end all sessions within so many seconds."""
        for task in self._callers:
            task.cancel()
        ends = [connection.ended for connection in self._open.values()]
        for connection in self._open.values():
            connection.finish()
        if ends:
            await asyncio.wait(ends, timeout=within)
        self.close()

    def close(self) -> None:
        """End everything at once."""
        for task in self._callers:
            task.cancel()
        for connection in [*self._open.values(), *self._unproven]:
            connection.close()

    # -- calling

    async def _keep_calling(self, peer: str) -> None:
        pause = _PAUSE_FIRST
        while True:
            connection = await self._call(peer)
            if connection is not None:
                # Not `await connection.ended`: the end of this task must not look like its end.
                await asyncio.wait([connection.ended])
                pause = _PAUSE_FIRST if connection.peer is not None else pause
            self._awake[peer].clear()
            await asyncio.sleep(_PAUSE_FIRST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._awake[peer].wait()
            pause = min(2 * pause, _PAUSE_MOST)

    async def _call(self, peer: str) -> Connection | None:
        """Give a connection over the first path that stands, or None."""
        loop = asyncio.get_running_loop()
        for path in self._paths:
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_CONNECT):
                    _, connection = await loop.create_connection(
                        lambda: self._connection(initiator=True, peers={peer}),
                        path.others[peer],
                        self._port,
                        local_addr=(path.mine, 0),
                    )
                return connection
        return None

    def _connection(self, *, initiator: bool, peers: set[str]) -> Connection:
        session = Session(
            initiator=initiator,
            me=self._credentials.me,
            peers=peers,
            ring=self._credentials.ring,
            cluster=self._credentials.cluster,
            randomness=os.urandom(hello.RANDOM_SIZE),
        )
        return Connection(session, self, called=not initiator, user_timeout=self._user_timeout)

    # -- what becomes of connections

    def made(self, connection: Connection) -> None:
        """Keep the number of strangers down: the oldest gives way, it had its time.

        What comes from the address of a server gives way only to others of that address.
        """
        if not connection.called:
            return
        self._unproven[connection] = connection.address
        self._limit(lambda address: address == connection.address, _OF_ONE_ADDRESS)
        self._limit(lambda address: address not in self._addresses, _STRANGERS)

    def _limit(self, counts: Callable[[str], bool], most: int) -> None:
        found = [each for each, address in self._unproven.items() if counts(address)]
        if len(found) > most:
            del self._unproven[found[0]]
            self.dropped("too many strangers", f"{most} connections prove nothing")
            found[0].close()

    def proven(self, connection: Connection, peer: Identity) -> None:
        """Take the newest session with a server: it made it because the older one was of no use."""
        self._unproven.pop(connection, None)
        older = self._open.get(peer.server)
        self._open[peer.server] = connection
        if older is not None:
            older.close()
        self._meet(peer)
        early, now = self._early[peer.server], clock.now()
        while early:
            until, letter = early.popleft()
            if now <= until:
                connection.send(letter)

    def letter(self, sender: str, incarnation: Incarnation, letter: Letter | Dispatch) -> None:
        """Hand a letter on."""
        self._receive(sender, incarnation, letter)

    def dropped(self, reason: str, detail: str) -> None:
        """Count what was not taken."""
        self._complaints.add(reason, detail)

    def lost(self, connection: Connection) -> None:
        """Forget a connection."""
        self._unproven.pop(connection, None)
        if connection.peer is not None and self._open.get(connection.peer.server) is connection:
            del self._open[connection.peer.server]
