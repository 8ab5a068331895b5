"""How far an alert has come in the journal: durable, so that a crash repeats and loses nothing.

The same file counts what became of its messages on this server, since the alert was made.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Self

import attrs

from clpcore.runtime.store import journal
from clpcore.runtime.store.database import Line


@attrs.frozen
class Mark:
    """The last line that needs no sending, and when it was written: journals are replaced."""

    seq: int
    wall_ms: int
    sent: int = 0
    given_up: int = 0


@attrs.define
class Cursor:
    """The mark of one alert, in a file of its own."""

    _path: Path
    _mark: Mark | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Give what the file says; nothing, when it is not there or cannot be read."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            told = json.loads(path.read_text())
            counts = int(told.get("sent", 0)), int(told.get("given_up", 0))
            return cls(path, Mark(int(told["seq"]), int(told["wall_ms"]), *counts))
        return cls(path)

    @property
    def mark(self) -> Mark | None:
        """Give it; None where the alert has not begun."""
        return self._mark

    def place(self, store: Path) -> int:
        """Give the number of the line to go on after.

        A new alert begins at the end of the journal: nobody wants to be told of last year. A
        journal that is not the one of the mark is read from its beginning.

        Raises:
            sqlite3.Error: the journal cannot be read.

        """
        if self._mark is None:
            end = journal.newest(store)
            self._write(Mark(end, journal.told_at(store, end) or 0))
        return self.after(store)

    def after(self, store: Path) -> int:
        """Give the same without beginning: the number that whoever only looks counts from."""
        end = journal.newest(store)
        if self._mark is None:
            return end
        if self._mark.seq == 0:
            return 0
        told_at = journal.told_at(store, self._mark.seq)
        is_another = self._mark.seq > end if told_at is None else told_at != self._mark.wall_ms
        return 0 if is_another else self._mark.seq

    def pass_by(self, line: Line, *, sent: int = 0, given_up: int = 0) -> None:
        """Note that everything up to *line* is sent, or given up; on the disk when this returns.

        *sent* and *given_up*: how many of the messages since the last time.

        Raises:
            OSError: it cannot be written; it will be sent again after a restart.

        """
        was = self._mark or Mark(0, 0)
        self._write(
            Mark(line.seq, line.wall_ms, sent=was.sent + sent, given_up=was.given_up + given_up)
        )

    def _write(self, mark: Mark) -> None:
        self._mark = mark
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        with draft.open("w") as file:
            json.dump(attrs.asdict(mark), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
