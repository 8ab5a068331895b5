"""One message on its way to people, in one language."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import attrs

from clpcore import messages
from clpcore.model.reasons import Because, Severity
from clpcore.runtime.store.database import Line


@attrs.frozen(kw_only=True)
class Origin:
    """Who sends."""

    cluster: str
    server: str


@attrs.frozen(kw_only=True)
class Message:
    """A sentence with all that a receiver may want of it; every text is one line."""

    origin: Origin
    boot: int
    seq: int
    wall_ms: int
    key: str
    module: str
    event: int
    severity: Severity
    text: str
    remedy: str

    @property
    def id(self) -> str:
        """Give what tells it from every other one, and is the same when it is sent again."""
        return f"{self.origin.cluster}.{self.origin.server}.{self.boot}.{self.seq}"

    @property
    def time(self) -> dt.datetime:
        """Give when it was said."""
        return dt.datetime.fromtimestamp(self.wall_ms / 1_000, dt.UTC)

    @property
    def document(self) -> dict[str, Any]:
        """Give it in plain JSON types (schema 1)."""
        return {
            "schema": 1,
            "id": self.id,
            "cluster": self.origin.cluster,
            "server": self.origin.server,
            "time": self.time.isoformat(timespec="milliseconds"),
            "key": self.key,
            "module": self.module,
            "event": self.event,
            "severity": self.severity.value,
            "text": self.text,
            "remedy": self.remedy,
        }


def of_line(line: Line, origin: Origin, language: str) -> Message:
    """Give the message of a line of the journal."""
    reason = messages.from_plain({"key": line.key, "args": json.loads(line.body)})
    return of(reason, origin, language, at=(line.boot, line.seq, line.wall_ms))


def of(reason: Because, origin: Origin, language: str, *, at: tuple[int, int, int]) -> Message:
    """Give the message of a sentence; *at*: boot, number in its journal, ms since 1970."""
    entry = messages.entry(reason.key)
    boot, seq, wall_ms = at
    return Message(
        origin=origin,
        boot=boot,
        seq=seq,
        wall_ms=wall_ms,
        key=entry.key,
        module=entry.module,
        event=entry.event,
        severity=entry.severity,
        text=_one_line(messages.render(reason, language)),
        remedy=_one_line(messages.remedy(reason, language)),
    )


def _one_line(text: str) -> str:
    """Give *text* without what could begin a header, a line or a sequence of a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
