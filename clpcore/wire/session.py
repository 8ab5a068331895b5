"""A stream between two servers: mutual proof of the cluster key, then sealed records (sans-io).

Every frame is a length (4 bytes) and so many bytes::

    initiator                                  responder
    hello                                 ->
                                          <-   hello
                                          <-   record 0, empty: proves the key
    record 0, empty: proves the key       ->
    records                              <->   records

Both derive two keys, one a direction, from the cluster key and a hash over both hellos, so that
names, incarnations, versions and the 32 random bytes of each side are bound into them. A recorded
stream cannot be replayed (the other side's random bytes are new), nor reflected (the directions
differ). Within a session the number of a record is its nonce, so that a lost, repeated or exchanged
record does not open. There is no forward secrecy: whoever learns the cluster key can read what was
recorded before.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Generator
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag

from clpcore.wire import hello, keys
from clpcore.wire.rejected import Reason, Rejected

MAX_RECORD: Final = 16 * 1024 * 1024

_MAX_UNPROVEN: Final = 1024  # what a stranger may make us keep
_TAG_SIZE: Final = 16
_LENGTH: Final = struct.Struct(">I")
_VERSIONS: Final = hello.Versions(1, 1)


class _Channel:
    """One direction: numbered records under one key."""

    def __init__(self, key: keys.Key) -> None:
        self._cipher = key.cipher()
        self._number = 0

    def _nonce(self) -> bytes:
        nonce = self._number.to_bytes(12, "big")
        self._number += 1
        return nonce

    def seal(self, payload: bytes) -> bytes:
        """Give the next record with its length, which is authenticated."""
        length = _LENGTH.pack(len(payload) + _TAG_SIZE)
        return length + self._cipher.encrypt(self._nonce(), payload, length)

    def open(self, sealed: bytes) -> bytes:
        """Give the payload of the next record, or raise Rejected."""
        try:
            return self._cipher.decrypt(self._nonce(), sealed, _LENGTH.pack(len(sealed)))
        except InvalidTag:
            raise Rejected(
                Reason.FORGED,
                "a record does not open: compare cluster.key and the cluster's name on both "
                "servers; else somebody forges",
            ) from None


@attrs.frozen(kw_only=True)
class _Agreed:
    """The result of the handshake."""

    peer: hello.Identity
    version: int
    inward: _Channel
    outward: _Channel


class Session:
    """One side of a session: bytes come in by ``receive``, go out by ``to_send`` and ``send``.

    After a Rejected the session is dead, and every further call raises it again.
    """

    def __init__(
        self,
        *,
        initiator: bool,
        me: hello.Identity,
        peers: Collection[str],
        ring: keys.KeyRing,
        cluster: str,
        randomness: bytes,
        versions: hello.Versions = _VERSIONS,
    ) -> None:
        """Begin; an initiator's hello waits in ``to_send``.

        Args:
            initiator: this side opened the connection.
            me: this server.
            peers: names that the other side may have; an initiator gives the one that it called.
            ring: the keys as parsed.
            cluster: the cluster's name.
            randomness: 32 random bytes, never used for another session.
            versions: what this side speaks.

        """
        if len(randomness) != hello.RANDOM_SIZE:
            raise ValueError(
                f"a session needs {hello.RANDOM_SIZE} random bytes, not {len(randomness)}"
            )
        self._peers = peers
        self._ring = ring.derive(keys.Purpose.SESSION, cluster)
        self._mine = hello.Hello(
            role=hello.INITIATOR if initiator else hello.RESPONDER,
            versions=versions,
            key_id=self._ring.sealing.id,
            who=me,
            randomness=randomness,
        )
        self._buffer = bytearray()
        self._out = bytearray()
        self._agreed: _Agreed | None = None
        self._failure: Rejected | None = None
        self._handshake = self._initiate() if initiator else self._respond()
        next(self._handshake)

    @property
    def peer(self) -> hello.Identity | None:
        """Give who the other side is, once it has proven the key."""
        return self._agreed.peer if self._agreed else None

    @property
    def version(self) -> int | None:
        """Give the version that both speak, once the other side has proven the key."""
        return self._agreed.version if self._agreed else None

    def to_send(self) -> bytes:
        """Give, once, the bytes of the handshake that wait; ask at first and after ``receive``."""
        waiting = bytes(self._out)
        self._out.clear()
        return waiting

    def send(self, payload: bytes) -> bytes:
        """Give the record of *payload*; once ``peer`` is known, and after ``to_send``."""
        self._check_alive()
        if self._agreed is None:
            raise RuntimeError(
                "the session is not open: nothing may be sent before the other side's proof"
            )
        if len(payload) > MAX_RECORD:
            raise ValueError(f"a letter of {len(payload)} bytes; {MAX_RECORD} fit into a record")
        return self._agreed.outward.seal(payload)

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes of the stream, cut anywhere, and give the payloads that they complete.

        A Rejected takes the payloads of the same call with it.
        """
        self._check_alive()
        self._buffer += data
        payloads = []
        try:
            while (frame := self._next_frame()) is not None:
                payloads += self._take(frame)
        except Rejected as rejected:
            self._failure = rejected
            self._buffer.clear()
            raise
        return payloads

    def ended(self) -> None:
        """Say that the stream has ended; raises Rejected if it was cut in the middle."""
        self._check_alive()
        if self._agreed is None:
            raise Rejected(
                Reason.TRUNCATED,
                "the connection ended before both had proven the key: see the other's log",
            )
        if self._buffer:
            raise Rejected(Reason.TRUNCATED, "the connection ended in the middle of a record")

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise Rejected(self._failure.reason, self._failure.detail)

    def _next_frame(self) -> bytes | None:
        """Take one whole frame off the buffer."""
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        limit = MAX_RECORD + _TAG_SIZE if self._agreed else _MAX_UNPROVEN
        if length > limit:
            raise Rejected(Reason.OVERSIZE, f"a frame of {length} bytes; {limit} are allowed here")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return frame

    def _take(self, frame: bytes) -> list[bytes]:
        if self._agreed is not None:
            return [self._agreed.inward.open(frame)]
        try:
            self._handshake.send(frame)
        except StopIteration as end:
            self._agreed = end.value
        return []

    def _initiate(self) -> Generator[None, bytes, _Agreed]:
        """Speak first and prove last; every yield waits for a frame."""
        mine = self._mine.encode()
        self._out += _framed(mine)
        frame = yield
        theirs = self._read(frame, hello.RESPONDER)
        outward, inward = _directions(self._ring.sealing, mine, frame)
        _check_proof(inward.open((yield)))
        self._out += outward.seal(b"")
        return self._agree(theirs, inward, outward)

    def _respond(self) -> Generator[None, bytes, _Agreed]:
        """Answer with the key that the initiator chose, and prove it first."""
        frame = yield
        theirs = self._read(frame, hello.INITIATOR)
        key = self._ring.find(theirs.key_id)
        if key is None:
            raise Rejected(
                Reason.UNKNOWN_KEY,
                f"{theirs.who.server!r} uses key {theirs.key_id!a}: add it to cluster.key",
            )
        mine = self._mine.encode()
        inward, outward = _directions(key, frame, mine)
        self._out += _framed(mine) + outward.seal(b"")
        _check_proof(inward.open((yield)))
        return self._agree(theirs, inward, outward)

    def _read(self, frame: bytes, role: bytes) -> hello.Hello:
        theirs = hello.decode(frame, role, self._mine.versions)
        if theirs.who.server not in self._peers:
            raise Rejected(
                Reason.UNKNOWN_SENDER,
                f"{theirs.who.server!a} is not a server that may be on the other side",
            )
        return theirs

    def _agree(self, theirs: hello.Hello, inward: _Channel, outward: _Channel) -> _Agreed:
        version = self._mine.versions.common(theirs.versions)
        return _Agreed(peer=theirs.who, version=version, inward=inward, outward=outward)


def _framed(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def _directions(key: keys.Key, initiator: bytes, responder: bytes) -> tuple[_Channel, _Channel]:
    """Give the channels from and to the initiator, bound to both hellos as they were sent."""
    said = hashlib.sha256(_framed(initiator) + _framed(responder)).digest()
    return _Channel(key.derive("from initiator", said)), _Channel(key.derive("to initiator", said))


def _check_proof(payload: bytes) -> None:
    """Refuse a record 0 that says anything; that it opened is the proof."""
    if payload:
        raise Rejected(Reason.FOREIGN, f"the proof of the key carries {len(payload)} bytes")
