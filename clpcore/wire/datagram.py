"""Heartbeats on UDP: one datagram sealed under the cluster key, opened at most once.

A datagram is header, ciphertext and tag; the header is authenticated::

    magic 3 | version 1 | key id length 1 | sender length 1 | boot 8 | start 8 | salt 16
    | key id | sender | sequence 8

All but the sequence is the *stream*: it names one start of one agent, with 16 random bytes of its
own. Each stream has its own key, derived from the ring's key and all of these bytes, so that the
sequence, which only grows within a stream, can be the nonce.

What an opener guarantees: a datagram that it opened was sealed by a holder of the key, for this
cluster, under the sender's name; it was never opened by this opener before; and no datagram of an
older incarnation of that sender was opened after a newer one.

What it does not: an opener that was made anew (the agent restarted) has an empty window. Recorded
datagrams that it never saw can then be played to it, each once, as long as nothing newer of that
sender came. ``raise_floor`` shuts out all incarnations below the last one known; within that one,
whoever needs a fresh sign of life must challenge it. A datagram names no receiver: every server of
the cluster opens it, so it may only carry what all of them may hear.
"""

from __future__ import annotations

import collections
import struct
from collections.abc import Collection
from typing import Final

import attrs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire import keys
from clpcore.wire.rejected import Reason, Rejected

MAX_PAYLOAD: Final = 60_000
MAX_NAME: Final = 64
SALT_SIZE: Final = 16
# One sequence serves all peers and all links: 31 peers on 4 links take 124 numbers a round.
WINDOW: Final = 4096

_WINDOW_MASK: Final = (1 << WINDOW) - 1
_MAGIC: Final = b"CLP"
_VERSION: Final = 1
_HEAD: Final = struct.Struct(f">3sBBBQQ{SALT_SIZE}s")
_SEQUENCE: Final = struct.Struct(">Q")
_TAG_SIZE: Final = 16
_MAX_DATAGRAM: Final = (
    _HEAD.size + keys.MAX_ID + MAX_NAME + _SEQUENCE.size + MAX_PAYLOAD + _TAG_SIZE
)


def _nonce(sequence: bytes) -> bytes:
    return b"\0\0\0\0" + sequence


def _stream_cipher(ring_key: keys.Key, stream: bytes) -> ChaCha20Poly1305:
    return ring_key.derive("stream", stream).cipher()


class Sealer:
    """Seals the datagrams of one start of one agent."""

    def __init__(
        self,
        *,
        ring: keys.KeyRing,
        cluster: str,
        sender: str,
        incarnation: Incarnation,
        salt: bytes,
    ) -> None:
        """Start a stream. *salt*: 16 random bytes, never used for another Sealer."""
        name = sender.encode()
        if not 0 < len(name) <= MAX_NAME or len(salt) != SALT_SIZE:
            raise ValueError(
                f"server name {sender!r} must have 1 to {MAX_NAME} bytes, the salt {SALT_SIZE}"
            )
        key = ring.derive(keys.Purpose.HEARTBEAT, cluster).sealing
        key_id = key.id.encode()
        boot, start = incarnation.boot.counter, incarnation.start
        head = _HEAD.pack(_MAGIC, _VERSION, len(key_id), len(name), boot, start, salt)
        self._stream = head + key_id + name
        self._cipher = _stream_cipher(key, self._stream)
        self._sequence = 0

    def seal(self, payload: bytes) -> bytes:
        """Give the next datagram. The same bytes may go to every server and link once."""
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(
                f"a heartbeat of {len(payload)} bytes; {MAX_PAYLOAD} fit into a datagram"
            )
        self._sequence += 1
        sequence = _SEQUENCE.pack(self._sequence)
        header = self._stream + sequence
        return header + self._cipher.encrypt(_nonce(sequence), payload, header)


@attrs.frozen(kw_only=True)
class Opened:
    """An authentic datagram. The boot of *incarnation* has a counter only: no id."""

    sender: str
    incarnation: Incarnation
    sequence: int
    payload: bytes


@attrs.define
class _Stream:
    """One stream of one sender: its cipher, and which sequences were opened."""

    header: bytes
    incarnation: Incarnation
    cipher: ChaCha20Poly1305
    top: int = 0
    seen: int = 1  # bit n: top - n was opened

    def take(self, sequence: int) -> bool:
        """Mark *sequence* as opened; False if it was, or is too far below to know."""
        ahead = sequence - self.top
        if ahead > 0:
            # A far jump must not shift an integer by as many bits.
            kept = self.seen << ahead if ahead < WINDOW else 0
            self.seen = (kept | 1) & _WINDOW_MASK
            self.top = sequence
            return True
        bit = 1 << -ahead if -ahead < WINDOW else 0
        fresh = bit != 0 and not self.seen & bit
        self.seen |= bit
        return fresh


@attrs.define
class _Sender:
    """What is remembered of one server; the memory of an opener is one of these a server."""

    name: str
    floor: tuple[int, int] = (0, 0)
    stream: _Stream | None = None


def _rank(incarnation: Incarnation) -> tuple[int, int]:
    """Give what orders incarnations: the counters. A datagram has no boot id to compare."""
    return incarnation.boot.counter, incarnation.start


class Opener:
    """Opens the datagrams of a given set of servers, and counts what it rejects."""

    def __init__(self, *, ring: keys.KeyRing, cluster: str, senders: Collection[str]) -> None:
        """Know the *senders*: the other servers. Without our own, an echo of ours is a stranger."""
        derived = ring.derive(keys.Purpose.HEARTBEAT, cluster)
        self._keys = {key.id.encode(): key for key in derived.keys}
        self._senders = {name.encode(): _Sender(name) for name in senders}
        self._rejected: collections.Counter[Reason] = collections.Counter()

    @property
    def rejected(self) -> dict[Reason, int]:
        """Give how many datagrams were rejected for each reason, as of now."""
        return dict(self._rejected)

    def raise_floor(self, sender: str, incarnation: Incarnation) -> None:
        """Reject what *sender* sealed before *incarnation*, known from elsewhere.

        That is the runtime's memory of the time before a restart, or a session. A floor never
        sinks.
        """
        known = self._senders[sender.encode()]
        known.floor = max(known.floor, _rank(incarnation))
        if known.stream is not None and _rank(known.stream.incarnation) < known.floor:
            known.stream = None

    def open(self, datagram: bytes) -> Opened:
        """Give what was sealed, or raise Rejected and count it."""
        try:
            return self._open(datagram)
        except Rejected as rejected:
            self._rejected[rejected.reason] += 1
            raise

    def _open(self, datagram: bytes) -> Opened:
        """Cheap checks first; incarnation and replay last: those alarms nobody can forge."""
        end = _header_end(datagram)
        header, raw = datagram[: end - _SEQUENCE.size], datagram[end - _SEQUENCE.size : end]
        sender, stream = self._stream_of(header)
        try:
            payload = stream.cipher.decrypt(_nonce(raw), datagram[end:], datagram[:end])
        except InvalidTag:
            raise Rejected(
                Reason.FORGED,
                f"a datagram under the name {sender.name!r} does not open: compare cluster.key "
                "and the cluster's name on both servers; else somebody forges",
            ) from None
        _admit(sender, stream)
        (sequence,) = _SEQUENCE.unpack(raw)
        if not stream.take(sequence):
            raise Rejected(
                Reason.REPLAYED,
                f"datagram {sequence} of {sender.name!r} came before, or far too late",
            )
        return Opened(
            sender=sender.name, incarnation=stream.incarnation, sequence=sequence, payload=payload
        )

    def _stream_of(self, header: bytes) -> tuple[_Sender, _Stream]:
        """Give sender and stream of a header: the current stream, or a new one on trial."""
        _, _, key_size, _, boot, start, _ = _HEAD.unpack_from(header)
        key_id, name = header[_HEAD.size :][:key_size], header[_HEAD.size + key_size :]
        sender = self._senders.get(name)
        if sender is None:
            raise Rejected(
                Reason.UNKNOWN_SENDER, f"{name!a} is no other server of this configuration"
            )
        if sender.stream is not None and sender.stream.header == header:
            return sender, sender.stream
        key = self._keys.get(key_id)
        if key is None:
            raise Rejected(
                Reason.UNKNOWN_KEY,
                f"{sender.name!r} seals with key {key_id!a}: add it to our cluster.key",
            )
        incarnation = Incarnation(Boot(boot), start)
        return sender, _Stream(header, incarnation, _stream_cipher(key, header))


def _header_end(datagram: bytes) -> int:
    """Give where the ciphertext begins, once size, magic and version are ours."""
    size = len(datagram)
    if size > _MAX_DATAGRAM:
        raise Rejected(Reason.OVERSIZE, f"{size} bytes; at most {_MAX_DATAGRAM} are a heartbeat")
    if not datagram.startswith(_MAGIC[:size]):
        raise Rejected(Reason.FOREIGN, f"{size} bytes that are no heartbeat of clpcore")
    if size < _HEAD.size:
        raise Rejected(Reason.TRUNCATED, f"{size} bytes; a header alone has {_HEAD.size}")
    version, key_size, name_size = datagram[3], datagram[4], datagram[5]
    if version != _VERSION:
        raise Rejected(
            Reason.VERSION,
            f"heartbeat version {version}, we speak {_VERSION}: run one clpcore everywhere",
        )
    end = _HEAD.size + key_size + name_size + _SEQUENCE.size
    if size < end + _TAG_SIZE:
        raise Rejected(Reason.TRUNCATED, f"{size} bytes; this header asks for {end + _TAG_SIZE}")
    return end


def _admit(sender: _Sender, stream: _Stream) -> None:
    """Make an authentic *stream* the sender's current one, unless it is older or a double."""
    if stream is sender.stream:
        return
    new, floor = _rank(stream.incarnation), sender.floor
    if new < floor:
        raise Rejected(
            Reason.OLD_INCARNATION,
            f"{sender.name!r} in {_life(new)}, known in {_life(floor)}: late, or replayed",
        )
    if new == floor and sender.stream is not None:
        raise Rejected(
            Reason.CLONED,
            f"two agents say they are {sender.name!r} in {_life(new)}: "
            "stop the copied machine, or the second agent",
        )
    sender.stream, sender.floor = stream, new


def _life(rank: tuple[int, int]) -> str:
    return "boot {}, start {}".format(*rank)
