"""One TCP connection to another server: handshake in time, letters in, letters out."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
from typing import Final, Protocol, cast

from clpcore.model.ids import Incarnation
from clpcore.model.peer import Letter
from clpcore.model.revisions import Dispatch
from clpcore.wire import letters
from clpcore.wire.hello import Identity
from clpcore.wire.rejected import Rejected
from clpcore.wire.session import Session

_HANDSHAKE: Final = 2.0  # seconds
_WAITING: Final = 256  # letters for a peer that does not read; the sender of each asks again
_HIGH_WATER: Final = 256 * 1024


class Owner(Protocol):
    """Hears what becomes of connections."""

    def made(self, connection: Connection) -> None:
        """The TCP connection stands; who is there is unknown."""
        ...

    def proven(self, connection: Connection, peer: Identity) -> None:
        """The other side has proven the cluster key."""
        ...

    def letter(self, sender: str, incarnation: Incarnation, letter: Letter | Dispatch) -> None:
        """A letter came."""
        ...

    def dropped(self, reason: str, detail: str) -> None:
        """Something was not taken."""
        ...

    def lost(self, connection: Connection) -> None:
        """The connection is over."""
        ...


class Connection(asyncio.Protocol):
    """Drives a ``Session`` over a transport."""

    def __init__(self, session: Session, owner: Owner, *, called: bool, user_timeout: int) -> None:
        """Take a fresh session.

        Args:
            session: in the role of the one that called, or of the one that was.
            owner: hears what happens.
            called: the other side opened the connection.
            user_timeout: ms until a peer that takes no data is given up.

        """
        self.called = called
        self.ended = asyncio.get_running_loop().create_future()
        self._session = session
        self._owner = owner
        self._user_timeout = user_timeout
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._full = False
        self._finished = False
        self._waiting: collections.deque[bytes] = collections.deque()

    @property
    def peer(self) -> Identity | None:
        """Give who is there, once proven."""
        return self._session.peer

    def send(self, letter: Letter | Dispatch) -> None:
        """Send, or keep for a moment if the other side does not read; the oldest gives way.

        Letters wait unsealed: a sealed one has its number and could not be left out.
        """
        payload = letters.encode_letter(letter)
        if not self._full:
            self._write(self._session.send(payload))
            return
        self._waiting.append(payload)
        if len(self._waiting) > _WAITING:
            self._waiting.popleft()
            self._owner.dropped("stuck peer", f"{self._name} does not read its letters")

    def close(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """End it when all is sent; the other side ends it then, see ``ended``."""
        if self._transport is None or self._finished:
            return
        for payload in self._waiting:
            self._write(self._session.send(payload))
        self._finished = True
        with contextlib.suppress(OSError):  # the other side was faster
            self._transport.write_eof()

    @property
    def _name(self) -> str:
        return self.peer.server if self.peer else f"the stranger at {self.address}"

    @property
    def address(self) -> str:
        """Give where the other side is, as long as the connection stands."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return str(name[0]) if name else "an address that is gone"

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        _tune(transport.get_extra_info("socket"), self._user_timeout)
        self._deadline = asyncio.get_running_loop().call_later(_HANDSHAKE, self._late)
        self._owner.made(self)
        self._write(self._session.to_send())

    def data_received(self, data: bytes) -> None:
        """Take bytes of the stream."""
        known = self._session.peer
        try:
            payloads = self._session.receive(data)
        except Rejected as rejected:
            self._reject(rejected)
            return
        self._write(self._session.to_send())
        peer = self._session.peer
        if peer is not None and known is None:
            self._prove(peer)
        if peer is not None:
            for payload in payloads:
                self._take(peer, payload)

    def eof_received(self) -> None:
        """See whether the stream ended at the border of a record; asyncio then closes."""
        with contextlib.suppress(Rejected):
            self._session.ended()
            return
        if self.peer is None:
            self._owner.dropped("no handshake", f"{self._name} ended before it proved the key")

    def pause_writing(self) -> None:
        """Note that the other side does not read."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on with what waits."""
        self._full = False
        self._write_waiting()

    def connection_lost(self, _error: Exception | None) -> None:
        """Note the end."""
        if self._deadline is not None:
            self._deadline.cancel()
        if not self.ended.done():
            self.ended.set_result(None)
        self._owner.lost(self)

    # -- inside

    def _prove(self, peer: Identity) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._owner.proven(self, peer)

    def _take(self, peer: Identity, payload: bytes) -> None:
        try:
            letter = letters.decode_letter(payload)
        except Rejected as rejected:
            # Of a newer version, perhaps: the session itself is good.
            self._owner.dropped(rejected.reason.value, f"{peer.server}: {rejected.detail}")
            return
        self._owner.letter(peer.server, peer.incarnation, letter)

    def _write_waiting(self) -> None:
        while self._waiting and not self._full:
            self._write(self._session.send(self._waiting.popleft()))

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._finished:
            self._transport.write(data)

    def _reject(self, rejected: Rejected) -> None:
        self._owner.dropped(rejected.reason.value, f"{self._name}: {rejected.detail}")
        self.close()

    def _late(self) -> None:
        self._owner.dropped("no handshake", f"{self._name} did not prove the key in time")
        self.close()


def _tune(sock: socket.socket, user_timeout: int) -> None:
    """Send at once, and notice a peer that is gone without a word."""
    seconds = max(1, user_timeout // 3_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_NODELAY, 1),
        (socket.TCP_KEEPIDLE, seconds),
        (socket.TCP_KEEPINTVL, seconds),
        (socket.TCP_KEEPCNT, 2),
        (socket.TCP_USER_TIMEOUT, user_timeout),
    ):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
