"""Makes what decisions rest on durable: one thread, and one transaction for all who wait."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import attrs

from clpcore.runtime import clock, priority
from clpcore.runtime.store import boots
from clpcore.runtime.store.database import Database, Line, NewerStoreError, is_corrupt, set_aside
from clpcore.runtime.store.rows import Row

JOURNAL_LINES: Final = 100_000
_PRUNE_BATCH: Final = 1_000
_CHECKPOINT_AFTER: Final = 200  # transactions
# While nothing can be written, so many journal lines wait; older ones are dropped and counted.
_WAITING_LINES: Final = 5_000
_RETRY_FIRST: Final = 0.1  # seconds; doubled up to
_RETRY_MOST: Final = 3.0
_PASSING: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY}  # the connection stays good


@attrs.frozen(kw_only=True)
class Entry:
    """What becomes durable together.

    *run*: the new content of the file in /run. *scant*: the least of it that is true, which stands
    there while the store changes.
    """

    rows: tuple[Row, ...] = ()
    lines: tuple[Line, ...] = ()
    run: str | None = None
    scant: str = ""


@attrs.frozen
class Opened:
    """What the store held: rows, and the number of the journal's last line."""

    rows: tuple[Row, ...]
    last_seq: int


class Watcher(Protocol):
    """Hears how the store fares; called on the loop."""

    def store_fails(self, reason: str) -> None:
        """Nothing can be written now; it is tried again until it can."""
        ...

    def store_works(self, lost_lines: int) -> None:
        """It can be written again; so many lines of the journal were dropped meanwhile."""
        ...

    def store_set_aside(self, aside: Path, reason: str) -> None:
        """The file was broken; the new one holds what this agent knew, nothing at its start."""
        ...

    def store_died(self, error: BaseException) -> None:
        """The thread has a bug: nothing will ever be written again by this agent."""
        ...


_Waiting = tuple[Entry, asyncio.Future[None] | None]


@attrs.define
class _Batch:
    """Entries that become durable in one transaction."""

    rows: dict[tuple[str, str], Row] = attrs.field(factory=dict)
    lines: collections.deque[Line] = attrs.field(
        factory=lambda: collections.deque(maxlen=_WAITING_LINES)
    )
    run: str | None = None
    scant: str = ""
    waiting: list[asyncio.Future[None]] = attrs.field(factory=list)
    lost_lines: int = 0

    def add(self, waiting: _Waiting) -> None:
        """Take one entry in: the newest row of a key is the one that counts."""
        entry, durable = waiting
        self.rows.update({(row.kind, row.key): row for row in entry.rows})
        self.lost_lines += max(0, len(self.lines) + len(entry.lines) - _WAITING_LINES)
        self.lines.extend(entry.lines)
        if entry.run is not None:
            self.run, self.scant = entry.run, entry.scant
        if durable is not None:
            self.waiting.append(durable)


class Store:
    """The store of one agent. All SQL runs in its thread; no call of it blocks the loop."""

    def __init__(self, path: Path, boot_file: Path, watcher: Watcher) -> None:
        """Name the files; nothing is touched before ``open``."""
        self._path = path
        self._boot_file = boot_file
        self._watcher = watcher
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._opened: asyncio.Future[Opened] = self._loop.create_future()
        # A daemon: an agent that fails without closing it ends as if it was killed.
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        # Owned by the thread:
        self._database: Database | None = None
        self._rows: dict[tuple[str, str], Row] = {}
        self._rows_known = False
        self._run_text: str | None = None
        self._last_seq = 0
        self._fails = False
        self._since_checkpoint = 0

    async def open(self) -> Opened:
        """Give what it holds, as soon as it can be opened.

        Raises:
            NewerStoreError: this version must not touch it.

        """
        self._thread.start()
        return await self._opened

    def commit(self, entry: Entry) -> asyncio.Future[None]:
        """Make *entry* durable; the future is done when it is, in the order of the calls."""
        durable = self._loop.create_future()
        self._queue.put((entry, durable))
        return durable

    def note(self, lines: tuple[Line, ...]) -> None:
        """Write lines of the journal that nothing waits for."""
        if lines:
            self._queue.put((Entry(lines=lines), None))

    async def close(self) -> None:
        """Write what waits, if it can be written, and end the thread."""
        if not self._thread.is_alive():
            return
        self._closing.set()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- in the thread

    def _run(self) -> None:
        priority.raise_thread()
        try:
            if self._persist(self._connect):
                opened = Opened(tuple(self._rows.values()), self._last_seq)
                self._tell(_resolve, [self._opened], opened)
                self._serve()
        except NewerStoreError as newer:
            self._tell(_refuse, self._opened, newer)
        except Exception as error:  # noqa: BLE001 - the agent must know that nobody writes
            self._tell(self._watcher.store_died, error)
        finally:
            self._disconnect()

    def _serve(self) -> None:
        while batch := self._next_batch():
            if not self._persist(functools.partial(self._write, batch)):
                return
            self._tell(_resolve, batch.waiting, None)
            if self._queue.empty():
                self._keep_house()

    def _next_batch(self) -> _Batch | None:
        """Wait for something to write; None ends the thread."""
        first = self._queue.get()
        if first is None:
            return None
        batch = _Batch()
        batch.add(first)
        return batch

    def _gather(self, batch: _Batch) -> None:
        """Add what has come to wait meanwhile; the sign to end stays for the next batch."""
        with contextlib.suppress(queue.Empty):
            while True:
                more = self._queue.get_nowait()
                if more is None:
                    self._queue.put(None)
                    return
                batch.add(more)

    def _persist(self, act: Callable[[], object]) -> bool:
        """Try until it works; False when the agent ends before."""
        pause = _RETRY_FIRST
        while True:
            try:
                act()
            except (sqlite3.Error, OSError, NewerStoreError) as error:
                if self._fail(error):
                    continue
            else:
                return True
            if self._closing.wait(pause):
                return False
            pause = min(2 * pause, _RETRY_MOST)

    def _write(self, batch: _Batch) -> None:
        self._gather(batch)
        database = self._database or self._connect()
        if batch.rows or batch.lines:
            changes = batch.rows and batch.run
            with self._scant_boot(batch.scant) if changes else contextlib.nullcontext():
                database.write(batch.rows.values(), batch.lines)
            self._since_checkpoint += 1
        self._remember(batch)
        if batch.run is not None:
            boots.write(self._boot_file, batch.run)
            self._run_text = batch.run
        if self._fails or batch.lost_lines:
            self._fails = False
            self._tell(self._watcher.store_works, batch.lost_lines)

    @contextlib.contextmanager
    def _scant_boot(self, scant: str) -> Iterator[None]:
        """Let this boot know only what binds it while the store changes what its rights rest on.

        A crash between the two writes then leaves fewer rights than the truth in /run, never more.
        """
        boots.write(self._boot_file, scant)
        try:
            yield
        except BaseException:
            if self._run_text is not None:
                boots.write(self._boot_file, self._run_text)
            raise

    def _remember(self, batch: _Batch) -> None:
        """Note the rows as written; a second try only has to write the file in /run."""
        for key, row in batch.rows.items():
            if row.body is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        batch.rows.clear()
        batch.lines.clear()

    def _connect(self) -> Database:
        """Open the file; after the first time, a file that knows less gets what we know."""
        self._disconnect()
        self._database = database = Database(self._path)
        found = {(row.kind, row.key): row for row in database.rows()}
        if not self._rows_known:
            self._last_seq = database.last_seq()
            self._rows, self._rows_known = found, True
        elif found != self._rows:
            database.write(self._rows.values(), ())
        return database

    def _disconnect(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _fail(self, error: Exception) -> bool:
        """Note an error; True when another try may help at once."""
        if isinstance(error, NewerStoreError) and not self._rows_known:
            raise error
        if isinstance(error, sqlite3.Error) and is_corrupt(error):
            return self._set_aside(str(error))
        if getattr(error, "sqlite_errorcode", 0) not in _PASSING:
            self._disconnect()
        if not self._fails:
            self._fails = True
            self._tell(self._watcher.store_fails, str(error))
        return False

    def _set_aside(self, reason: str) -> bool:
        self._disconnect()
        try:
            aside = set_aside(self._path, str(clock.wall()))
        except OSError as error:
            return self._fail(error)
        self._tell(self._watcher.store_set_aside, aside, reason)
        return True

    def _keep_house(self) -> None:
        """Prune and checkpoint while nobody waits."""
        if self._database is None:
            return
        try:
            if self._database.prune(keep=JOURNAL_LINES, batch=_PRUNE_BATCH):
                self._since_checkpoint += 1
            if self._since_checkpoint >= _CHECKPOINT_AFTER:
                self._database.checkpoint()
                self._since_checkpoint = 0
        except sqlite3.Error as error:
            self._fail(error)

    def _tell(self, function: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(function, *args)


def _resolve(futures: list[asyncio.Future[object]], value: object) -> None:
    for future in futures:
        if not future.done():
            future.set_result(value)


def _refuse(future: asyncio.Future[object], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
