"""What each side of a session says first, in the clear: versions, key id, who, random bytes.

The initiator's key id names the key of the session; the responder's is only told. Nothing in it may
be believed until the derived keys have confirmed it (``session``). Layout::

    magic 4 | lowest version 2 | highest version 2 | three lengths 1 each | boot 8 | start 8
    | random 32 | key id | server | boot id

Magic and the two versions open every hello of every version, for ever; the rest may change.
"""

from __future__ import annotations

import struct
from typing import Final

import attrs

from clpcore.model.ids import Boot, Incarnation
from clpcore.wire.rejected import Reason, Rejected

INITIATOR: Final = b"CLPi"
RESPONDER: Final = b"CLPr"
RANDOM_SIZE: Final = 32

_PREFIX: Final = struct.Struct(">4sHH")
_FIXED: Final = struct.Struct(f">4sHHBBBQQ{RANDOM_SIZE}s")


@attrs.frozen
class Versions:
    """The range of session versions that one side speaks."""

    low: int = 1
    high: int = 1

    def common(self, other: Versions) -> int:
        """Give the version to speak, the lower of the two highest, or raise Rejected."""
        best = min(self.high, other.high)
        if best < max(self.low, other.low):
            raise Rejected(
                Reason.VERSION,
                f"the other server speaks versions {other.low} to {other.high}, "
                f"we {self.low} to {self.high}: upgrade the older one",
            )
        return best


@attrs.frozen
class Identity:
    """Who speaks: a server in one start of its agent."""

    server: str
    incarnation: Incarnation


@attrs.frozen(kw_only=True)
class Hello:
    """One side's first words. *role* is the magic of the side that says them."""

    role: bytes
    versions: Versions
    key_id: str
    who: Identity
    randomness: bytes

    def encode(self) -> bytes:
        """Give the bytes."""
        boot = self.who.incarnation.boot
        texts = [text.encode() for text in (self.key_id, self.who.server, boot.id)]
        fixed = _FIXED.pack(
            self.role,
            self.versions.low,
            self.versions.high,
            *map(len, texts),
            boot.counter,
            self.who.incarnation.start,
            self.randomness,
        )
        return fixed + b"".join(texts)


def decode(body: bytes, role: bytes, ours: Versions) -> Hello:
    """Read the other side's hello, said in *role*, or raise Rejected."""
    if len(body) < _PREFIX.size or not body.startswith(role):
        raise Rejected(Reason.FOREIGN, "the other side does not speak clpcore's order protocol")
    versions = Versions(*_PREFIX.unpack_from(body)[1:])
    # Before the rest is read: another version's may look different.
    ours.common(versions)
    if len(body) < _FIXED.size:
        raise Rejected(Reason.TRUNCATED, f"a hello of {len(body)} bytes")
    *_, key_size, name_size, id_size, counter, start, randomness = _FIXED.unpack_from(body)
    texts = body[_FIXED.size :]
    if len(texts) != key_size + name_size + id_size:
        raise Rejected(Reason.TRUNCATED, f"a hello of {len(body)} bytes, by its own word of other")
    try:
        key_id = texts[:key_size].decode()
        name = texts[key_size : key_size + name_size].decode()
        boot = Boot(counter, texts[key_size + name_size :].decode())
    except UnicodeDecodeError:
        raise Rejected(Reason.FOREIGN, "a hello with names that are not UTF-8") from None
    who = Identity(name, Incarnation(boot, start))
    return Hello(role=role, versions=versions, key_id=key_id, who=who, randomness=randomness)
