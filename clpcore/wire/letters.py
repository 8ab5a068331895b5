"""Heartbeats and letters as the bytes inside a frame."""

from __future__ import annotations

import types
from typing import TypeVar, cast

from clpcore.model.peer import Beat, Letter
from clpcore.model.revisions import Dispatch
from clpcore.wire import values
from clpcore.wire.rejected import Reason, Rejected

T = TypeVar("T")


def encode_beat(beat: Beat) -> bytes:
    """Give the payload of a datagram."""
    return values.to_json(beat).encode()


def decode_beat(payload: bytes) -> Beat:
    """Read the payload of a datagram, or raise Rejected."""
    return cast("Beat", _decode(payload, Beat))


def encode_letter(letter: Letter | Dispatch) -> bytes:
    """Give the payload of a session's record."""
    return values.to_json(letter, Letter | Dispatch).encode()


def decode_letter(payload: bytes) -> Letter | Dispatch:
    """Read the payload of a session's record, or raise Rejected."""
    return cast("Letter | Dispatch", _decode(payload, Letter | Dispatch))


def _decode(payload: bytes, kind: type[object] | types.UnionType) -> object:
    try:
        return values.from_json(payload.decode(), kind)
    except UnicodeDecodeError:
        raise Rejected(Reason.UNREADABLE, f"{len(payload)} bytes that are no UTF-8") from None
    except values.Unreadable as unreadable:
        raise Rejected(Reason.UNREADABLE, str(unreadable)) from None
