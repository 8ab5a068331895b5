"""Records and sessions as JSON, on the wire and on the witness's disk; reading trusts nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from clpcore import api

LONGEST_LEASE: Final = 3_600_000  # ms
_MOST: Final = 512  # entries of a list
_HIGHEST: Final = 1 << 53
_NAME: Final = 64  # characters
_SENTENCE: Final = 1_000


class Unfit(ValueError):
    """It is no such value; the text says what of it."""


def dump(value: object) -> bytes:
    """Give JSON, in one form only."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode()


def load(body: bytes) -> object:
    """Read JSON.

    Raises:
        Unfit: it is none.

    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unfit(f"it is no JSON: {error}") from error


def name(value: object) -> str:
    """Take the name of a server or group."""
    return _text(value, _NAME, "a name")


def number(value: object, highest: int = _HIGHEST) -> int:
    """Take a count: 0 or more."""
    if type(value) is not int or not 0 <= value <= highest:
        raise Unfit(f"{value!r:.40} is no number from 0 to {highest}")
    return value


def _text(value: object, longest: int, what: str) -> str:
    if type(value) is not str or not 0 < len(value) <= longest or not value.isprintable():
        raise Unfit(f"{value!r:.40} is not {what} of 1 to {longest} printable characters")
    return value


def _list(value: object) -> list[Any]:
    if type(value) is not list or len(value) > _MOST:
        raise Unfit(f"{value!r:.40} is no list of {_MOST} entries at most")
    return value


def boot(counter: object, boot_id: object) -> api.Boot:
    """Take a boot; its id may be empty."""
    return api.Boot(number(counter), "" if boot_id == "" else _text(boot_id, _NAME, "a boot id"))


def holder_to(holder: api.Holder) -> list[Any]:
    """Give a holder as JSON."""
    return [holder.server, holder.boot.counter, holder.boot.id, holder.epoch]


def holder_from(value: object) -> api.Holder:
    """Take a holder."""
    match value:
        case [server, counter, boot_id, epoch]:
            return api.Holder(name(server), boot(counter, boot_id), number(epoch))
    raise Unfit(f"{value!r:.80} is not [server, boot counter, boot id, epoch]")


def record_to(record: api.Record) -> dict[str, Any]:
    """Give what of a record is kept; when its holder's session lapses is not."""
    return {
        "epoch": record.epoch,
        "holder": record.holder and holder_to(record.holder),
        "suspects": [holder_to(one) for one in record.suspects],
        "evidence": list(record.evidence),
        "outdated": list(record.outdated),
    }


def record_from(value: object) -> api.Record:
    """Take a record."""
    if not isinstance(value, Mapping):
        raise Unfit(f"{value!r:.80} is no record")
    its = value.get("holder")
    lapses_in = value.get("lapses_in")
    return api.Record(
        epoch=number(value.get("epoch")),
        holder=None if its is None else holder_from(its),
        suspects=tuple(holder_from(one) for one in _list(value.get("suspects"))),
        evidence=tuple(_text(e, _SENTENCE, "a sentence") for e in _list(value.get("evidence"))),
        outdated=tuple(name(side) for side in _list(value.get("outdated"))),
        lapses_in=None if lapses_in is None else number(lapses_in),
    )


def session_to(session: api.Session) -> dict[str, Any]:
    """Give a session as JSON."""
    its = session.boot
    return {
        "server": session.server,
        "boot": [its.counter, its.id],
        "lease": session.lease,
        "held": dict(session.held),
    }


def session_from(value: object) -> api.Session:
    """Take a session."""
    match value:
        case {"server": server, "boot": [counter, boot_id], "lease": lease, "held": dict(held)}:
            if len(held) > 2 * _MOST:
                raise Unfit(f"{len(held)} groups are too many for a session")
            return api.Session(
                server=name(server),
                boot=boot(counter, boot_id),
                lease=number(lease, LONGEST_LEASE),
                held={name(group): number(epoch) for group, epoch in held.items()},
            )
    raise Unfit(f"{value!r:.80} is no session")


def heard_from(value: object) -> tuple[int, dict[str, int]]:
    """Take for how many ms a witness listens, and how many ms ago it heard each server."""
    match value:
        case {"up": up, "heard": dict(heard)}:
            return number(up), {name(server): number(ago) for server, ago in heard.items()}
    raise Unfit(f"{value!r:.80} does not tell who was heard")
