"""What the store says is durable is there after any crash; trouble with the disk is survived."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from clpcore.runtime.store import writer
from clpcore.runtime.store.database import Database, Line, NewerStoreError
from clpcore.runtime.store.rows import Row
from clpcore.runtime.store.writer import Entry, Store

WRITER = Path(__file__).with_name("store_writer.py")
LINE = Line(seq=1, wall_ms=1, now_ms=2, boot=3, kind="because", key="nm1", body="{}")


@attrs.define
class Heard:
    """Takes down what the store says of itself."""

    said: list[str] = attrs.field(factory=list)

    def store_fails(self, reason: str) -> None:
        self.said.append(f"fails: {reason}")

    def store_works(self, lost_lines: int) -> None:
        self.said.append(f"works: {lost_lines} lost")

    def store_set_aside(self, aside: Path, reason: str) -> None:
        self.said.append(f"set aside: {aside.name.partition('.broken')[0]}: {reason}")

    def store_died(self, error: BaseException) -> None:
        self.said.append(f"died: {error}")


def with_store(
    folder: Path, use: Callable[[Store, list[Row]], Awaitable[None]], heard: Heard | None = None
) -> None:
    async def run() -> None:
        store = Store(folder / "store.db", folder / "boot.json", heard or Heard())
        try:
            async with asyncio.timeout(10):
                await use(store, list((await store.open()).rows))
        finally:
            await store.close()

    asyncio.run(run())


def rows_of(folder: Path) -> dict[tuple[str, str], str | None]:
    database = Database(folder / "store.db")
    found = {(row.kind, row.key): row.body for row in database.rows()}
    database.close()
    return found


async def _write_and_remove(store: Store, _rows: list[Row]) -> None:
    await store.commit(Entry(rows=(Row("a", "1", "x"), Row("a", "2", "y")), run="R"))
    await store.commit(Entry(rows=(Row("a", "1", None), Row("a", "2", "z")), lines=(LINE,)))


def test_what_was_committed_is_there_again(tmp_path: Path) -> None:
    with_store(tmp_path, _write_and_remove)

    async def look(_store: Store, rows: list[Row]) -> None:
        assert rows == [Row("a", "2", "z")]

    with_store(tmp_path, look)
    assert (tmp_path / "boot.json").read_text() == "R"


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    async def look(store: Store, _rows: list[Row]) -> None:
        await _write_and_remove(store, [])
        modes.update(_modes(tmp_path))

    modes: dict[str, int] = {}
    with_store(tmp_path, look)
    assert set(modes.values()) == {0o600}
    assert "store.db-wal" in modes


def _modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_all_who_wait_share_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = 0
    write = Database.write

    def count(self: Database, rows: list[Row], lines: list[Line]) -> None:
        nonlocal transactions
        transactions += 1
        write(self, rows, lines)

    monkeypatch.setattr(Database, "write", count)

    async def many(store: Store, _rows: list[Row]) -> None:
        await asyncio.gather(
            *(store.commit(Entry(rows=(Row("a", str(n), "x"),))) for n in range(200))
        )

    with_store(tmp_path, many)
    assert len(rows_of(tmp_path)) == 200
    assert transactions < 20


def test_the_journal_stays_within_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "JOURNAL_LINES", 100)
    monkeypatch.setattr(writer, "_PRUNE_BATCH", 10)
    monkeypatch.setattr(writer, "_CHECKPOINT_AFTER", 7)

    async def many(store: Store, _rows: list[Row]) -> None:
        for number in range(300):
            await store.commit(Entry(lines=(attrs.evolve(LINE, seq=number, now_ms=number),)))

    with_store(tmp_path, many)
    sql = sqlite3.connect(tmp_path / "store.db")
    count, newest = sql.execute("SELECT count(*), max(now_ms) FROM journal").fetchone()
    sql.close()
    assert 100 <= count < 120
    assert newest == 299


@contextmanager
def writing(*argv: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, WRITER, *argv], stdin=-1, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_no_commit_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    dice = random.Random(2)  # noqa: S311 - the moments of the kills
    last = 0
    for round_number in range(6):
        with writing(str(tmp_path)) as process:
            assert process.stdout is not None
            for _ in range(dice.randrange(1, 200)):
                last = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            last = max([last, *map(int, process.stdout.read().split("\n")[:-1])])
        stored = max(int(body or 0) for body in rows_of(tmp_path / "var").values())
        boot = tmp_path / "boot.json"
        remembered = int(boot.read_text().strip('"')) if boot.exists() else 0
        assert stored >= last, f"round {round_number}"
        # A crash between the two writes leaves nothing in /run, never more than the store has.
        assert remembered in {0, stored}


def test_a_disk_that_refuses_is_told_once_and_waited_for(tmp_path: Path) -> None:
    with writing(str(tmp_path), str(200_000)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        durable = 0
        for line in iter(process.stdout.readline, ""):
            if line.startswith("fails"):
                break
            durable = int(line)
        assert durable > 0
        stored = max(int(body or 0) for body in rows_of(tmp_path / "var").values())
        assert stored == durable, "it said nothing is durable that is not"
        process.stdin.write("go on\n")
        process.stdin.flush()
        rest = [process.stdout.readline() for _ in range(3)]
    assert [line.strip() for line in rest] == ["works 0", str(durable + 1), str(durable + 2)]


_FULL = """
set -e
mkdir "$1/var"
mount -t tmpfs -o size=400k tmpfs "$1/var"
exec "$2" "$3" "$1"
"""


@pytest.mark.netns
def test_a_full_disk_is_told_once_and_waited_for(tmp_path: Path) -> None:
    argv = ["unshare", "--user", "--map-root-user", "--mount", "--kill-child", "--fork"]
    argv += ["sh", "-c", _FULL, "sh", str(tmp_path), sys.executable, str(WRITER)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        numbers = [int(process.stdout.readline()) for _ in range(20)]
        inside = next(
            Path(f"/proc/{child}/root{tmp_path}")
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children")
            .read_text()
            .split()
        )
        ballast = inside / "var" / "ballast"
        _fill(ballast)
        for line in iter(process.stdout.readline, ""):
            if line.startswith("fails"):
                assert "full" in line
                break
            numbers.append(int(line))
        ballast.unlink()
        rest = [process.stdout.readline().strip() for _ in range(3)]
    finally:
        process.kill()
        process.communicate()
    assert rest == ["works 0", str(numbers[-1] + 1), str(numbers[-1] + 2)]


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 1024)


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def _hole(path: Path) -> None:
    sql = sqlite3.connect(path)
    sql.executemany("INSERT INTO kept VALUES ('b', ?, ?)", [(n, "x" * 300) for n in range(200)])
    sql.commit()
    sql.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\x55" * (len(content) - 8192)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_garbage, _hole])
def test_a_broken_store_is_set_aside_and_kept(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    with_store(tmp_path, _write_and_remove)
    damage(tmp_path / "store.db")
    broken = (tmp_path / "store.db").read_bytes()
    heard = Heard()

    async def go_on(store: Store, rows: list[Row]) -> None:
        assert rows == []
        await store.commit(Entry(rows=(Row("a", "9", "new"),)))

    with_store(tmp_path, go_on, heard)
    (aside,) = tmp_path.glob("store.db.broken-*[0-9]")
    assert aside.read_bytes() == broken
    assert len(heard.said) == 1
    assert heard.said[0].startswith("set aside: store.db: ")
    assert rows_of(tmp_path) == {("a", "9"): "new"}


def test_a_store_that_breaks_under_way_is_written_anew_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    write = Database.write
    errors = iter([sqlite3.DatabaseError("malformed")])

    def break_once(self: Database, rows: list[Row], lines: list[Line]) -> None:
        for error in errors:
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        write(self, rows, lines)

    async def use(store: Store, _rows: list[Row]) -> None:
        await store.commit(Entry(rows=(Row("a", "1", "x"),)))
        monkeypatch.setattr(Database, "write", break_once)
        await store.commit(Entry(rows=(Row("a", "2", "y"),)))

    with_store(tmp_path, use, heard)
    assert heard.said == ["set aside: store.db: malformed"]
    assert rows_of(tmp_path) == {("a", "1"): "x", ("a", "2"): "y"}


def test_run_holds_the_least_that_is_true_while_the_store_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    write = Database.write

    def look(self: Database, rows: list[Row], lines: list[Line]) -> None:
        seen.append((tmp_path / "boot.json").read_text())
        write(self, rows, lines)

    async def use(store: Store, _rows: list[Row]) -> None:
        await store.commit(Entry(run="old"))
        monkeypatch.setattr(Database, "write", look)
        await store.commit(Entry(rows=(Row("a", "1", "x"),), run="new", scant="least"))
        await store.commit(Entry(rows=(Row("a", "1", "y"),)))

    with_store(tmp_path, use)
    assert seen == ["least", "new"]


def test_what_run_holds_is_restored_when_the_store_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(store: Store, _rows: list[Row]) -> None:
        await store.commit(Entry(rows=(Row("a", "1", "x"),), run="old"))
        error = sqlite3.OperationalError("disk I/O error")
        monkeypatch.setattr(Database, "write", lambda *_: (_ for _ in ()).throw(error))
        durable = store.commit(Entry(rows=(Row("a", "1", "y"),), run="new"))
        done, _ = await asyncio.wait([durable], timeout=0.3)
        assert not done

    heard = Heard()
    with_store(tmp_path, use, heard)
    assert heard.said == ["fails: disk I/O error"]
    assert (tmp_path / "boot.json").read_text() == "old"


def test_lines_that_wait_too_long_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_WAITING_LINES", 5)
    heard = Heard()
    write = Database.write
    open_at = iter([False, True])

    def refuse_once(self: Database, rows: list[Row], lines: list[Line]) -> None:
        if not next(open_at, True):
            raise sqlite3.OperationalError("no")
        write(self, rows, lines)

    async def use(store: Store, _rows: list[Row]) -> None:
        monkeypatch.setattr(Database, "write", refuse_once)
        first = store.commit(Entry(lines=(LINE,)))
        for _ in range(9):
            store.note((LINE,))
        await first

    with_store(tmp_path, use, heard)
    assert heard.said == ["fails: no", "works: 5 lost"]


def test_a_newer_store_is_not_touched(tmp_path: Path) -> None:
    sql = sqlite3.connect(tmp_path / "store.db")
    sql.execute("PRAGMA user_version = 99")
    sql.close()
    with pytest.raises(NewerStoreError, match="format 99, this clpcore writes 1"):
        with_store(tmp_path, _write_and_remove)


def test_a_bug_in_the_thread_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()

    async def use(store: Store, _rows: list[Row]) -> None:
        monkeypatch.setattr(Database, "write", lambda *_: int("no number"))
        durable = store.commit(Entry(rows=(Row("a", "1", "x"),)))
        await asyncio.wait([durable], timeout=0.3)
        assert not durable.done()

    with_store(tmp_path, use, heard)
    assert heard.said == ["died: invalid literal for int() with base 10: 'no number'"]


def test_the_agent_can_end_while_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    heard = Heard()

    async def run() -> None:
        store = Store(tmp_path / "file" / "store.db", tmp_path / "boot.json", heard)
        opening = asyncio.ensure_future(store.open())
        done, _ = await asyncio.wait([opening], timeout=0.3)
        assert not done
        await store.close()
        opening.cancel()

    asyncio.run(run())
    assert len(heard.said) == 1
