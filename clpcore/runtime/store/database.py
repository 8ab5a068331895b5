"""The store's file: two SQLite tables, used by one thread."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from clpcore.runtime.store.rows import Row

_SCHEMA: Final = 1
_CREATE: Final = """
CREATE TABLE kept (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
                   PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE journal (seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, now_ms INTEGER NOT NULL,
                      boot INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
                      body TEXT NOT NULL);
"""
# The low byte of SQLite's codes that say: this file is no database any more.
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# A person with a database tool may hold the file for a moment.
_BUSY_SECONDS: Final = 1.0


class NewerStoreError(Exception):
    """The store was written by a newer clpcore."""


@attrs.frozen(kw_only=True)
class Line:
    """One line of the journal: *key* is the message's key or the class's name, *body* JSON."""

    seq: int
    wall_ms: int
    now_ms: int
    boot: int
    kind: str  # "because", "input", "action" or "state"
    key: str
    body: str


LINE_COLUMNS: Final = tuple(field.name for field in attrs.fields(Line))
_INSERT_LINE: Final = (
    f"INSERT OR REPLACE INTO journal ({', '.join(LINE_COLUMNS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join('?' * len(LINE_COLUMNS))})"
)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is broken: trying again is of no use."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _CORRUPT


class Database:
    """A connection. Every method may raise sqlite3.Error; none leaves a transaction open."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it if there is none.

        Raises:
            NewerStoreError: this version must not touch it.

        """
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite gives its side files the mode of the file: nobody else reads who owns what.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._sql = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            self._prepare(path)
        except BaseException:
            self._sql.close()
            raise

    def _prepare(self, path: Path) -> None:
        self._sql.execute("PRAGMA journal_mode = WAL")
        # FULL: a commit is on the disk when it returns, also when the power fails.
        self._sql.execute("PRAGMA synchronous = FULL")
        # Checkpoints cost two more fsyncs; the store does them when nobody waits.
        self._sql.execute("PRAGMA wal_autocheckpoint = 0")
        (version,) = self._sql.execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA:
            raise NewerStoreError(
                f"{path} has format {version}, this clpcore writes {_SCHEMA}: "
                "install the newer clpcore again, or move the file away"
            )
        if version == 0:
            self._sql.executescript(f"BEGIN;{_CREATE}PRAGMA user_version = {_SCHEMA};COMMIT;")
        # The journal may be large and is checked where it is read; what decisions rest on is not.
        (verdict,) = self._sql.execute("PRAGMA quick_check('kept')").fetchone()
        if verdict != "ok":
            error = sqlite3.DatabaseError(verdict)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    def rows(self) -> list[Row]:
        """Give every row of what is kept."""
        found = self._sql.execute("SELECT kind, key, body FROM kept ORDER BY kind, key")
        return [Row(*columns) for columns in found]

    def last_seq(self) -> int:
        """Give the number of the newest line, 0 without any."""
        (seq,) = self._sql.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
        return int(seq)

    def write(self, rows: Iterable[Row], lines: Iterable[Line]) -> None:
        """Write all of it in one transaction, on the disk when this returns."""
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            for row in rows:
                self._write_row(row)
            self._sql.executemany(_INSERT_LINE, [attrs.astuple(line) for line in lines])
            self._sql.execute("COMMIT")
        except sqlite3.Error:
            if self._sql.in_transaction:
                self._sql.execute("ROLLBACK")
            raise

    def _write_row(self, row: Row) -> None:
        if row.body is None:
            self._sql.execute("DELETE FROM kept WHERE kind = ? AND key = ?", (row.kind, row.key))
        else:
            self._sql.execute(
                "INSERT INTO kept VALUES (?, ?, ?) "
                "ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (row.kind, row.key, row.body),
            )

    def prune(self, *, keep: int, batch: int) -> bool:
        """Remove the oldest lines, *batch* at most, once there are *batch* more than *keep*."""
        oldest, newest = self._sql.execute("SELECT min(seq), max(seq) FROM journal").fetchone()
        if oldest is None or newest - oldest + 1 < keep + batch:
            return False
        self._sql.execute("DELETE FROM journal WHERE seq < ?", (oldest + batch,))
        return True

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file."""
        self._sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        """Close the file."""
        self._sql.close()


def set_aside(path: Path, stamp: str) -> Path:
    """Rename a broken store and its side files, so that a person can look at it."""
    aside = path.with_name(f"{path.name}.broken-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    return aside
