"""The store's file keeps what a transaction wrote, and nothing of one that failed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clpcore.runtime.store import database as database_module
from clpcore.runtime.store.database import Database, Line, NewerStoreError, is_corrupt
from clpcore.runtime.store.rows import Row

LINE = Line(seq=1, wall_ms=1, now_ms=2, boot=3, kind="because", key="nm1", body="{}")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "store.db")
    yield opened
    opened.close()


def test_a_commit_survives_the_loss_of_power(database: Database) -> None:
    assert database._sql.execute("PRAGMA synchronous").fetchone() == (2,)
    assert database._sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    database.write((Row("a", "1", "x"),), ())
    bad = attrs.evolve(LINE, body=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        database.write((Row("a", "1", "y"), Row("a", "2", "y")), (bad,))
    assert database.rows() == [Row("a", "1", "x")]
    database.write((Row("a", "1", "z"),), (LINE,))  # no transaction was left open
    assert database.rows() == [Row("a", "1", "z")]


def test_a_line_that_is_written_again_is_one_line(database: Database) -> None:
    database.write((), (LINE,))
    database.write((), (LINE, attrs.evolve(LINE, seq=2)))
    assert database.last_seq() == 2
    assert database._sql.execute("SELECT count(*) FROM journal").fetchone() == (2,)


def test_the_oldest_lines_go_in_batches(database: Database) -> None:
    database.write((), [attrs.evolve(LINE, seq=number) for number in range(1, 30)])
    assert not database.prune(keep=20, batch=10)
    database.write((), [attrs.evolve(LINE, seq=30)])
    assert database.prune(keep=20, batch=10)
    assert database._sql.execute("SELECT min(seq), max(seq) FROM journal").fetchone() == (11, 30)


def test_what_says_corrupt_and_what_does_not(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"x" * 5_000)
    with pytest.raises(sqlite3.DatabaseError) as raised:
        Database(tmp_path / "store.db")
    assert is_corrupt(raised.value)
    full = sqlite3.OperationalError("full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert not is_corrupt(full)
    assert not is_corrupt(sqlite3.OperationalError("without a code"))


def test_a_newer_format_is_refused(database: Database, tmp_path: Path) -> None:
    database._sql.execute("PRAGMA user_version = 99")
    with pytest.raises(NewerStoreError, match="format 99"):
        Database(tmp_path / "store.db")


def test_setting_aside_takes_the_side_files_along(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"store.db{suffix}").write_text(suffix)
    aside = database_module.set_aside(tmp_path / "store.db", "7")
    assert aside.name == "store.db.broken-7"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["store.db.broken-7", "store.db.broken-7-shm", "store.db.broken-7-wal"]
