"""What must outlive a crash: on disk before anybody is answered.

What waits at one moment is written and synced together, by one writer thread. Every start writes
the file anew, so that what was read is on the disk whatever the page cache held.

Disk full: the write is taken back, and refused; the next one tries again. An error of the disk
itself says nothing about what is on it, so from then on nothing is taken, until a restart has read
it all.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore_witness.service.file import NAME, File, NotWritten, Unusable, lock

logger = logging.getLogger(__name__)

_LARGE: Final = 16 << 20  # bytes: from here on it is written anew when most of it is history
_HISTORY: Final = 4  # times what it was when it was written anew


class Refused(Exception):
    """Nothing was written, or nobody knows: the text goes to who asked."""


@attrs.define
class _Batch:
    """Lines that wait to be written together, and how to take back what they told."""

    done: asyncio.Future[None]
    entries: list[Any] = attrs.field(factory=list)
    undo: list[Callable[[], None]] = attrs.field(factory=list)


def create(folder: Path, *, first: bool) -> None:
    """Make an empty ledger; *first*: it stands in the place of none that was lost.

    Raises:
        Unusable: there is one, or it cannot be written.

    """
    if (folder / NAME).exists():
        raise Unusable(f"{folder / NAME} exists: it is not replaced. Move it away if that is meant")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        File.write(folder, [] if first else [["new"]]).close()
    except OSError as error:
        raise Unusable(f"{folder}: {error.strerror}: an empty ledger cannot be made") from error


class Ledger:
    """The file, as long as this process serves from it."""

    def __init__(self, folder: Path) -> None:
        """Take the folder for this process alone, and read what stands there.

        Raises:
            Unusable: it is not there, damaged, or another process serves from it.

        """
        self._folder = folder
        self._snapshot: Callable[[], Iterable[Any]] = tuple
        self._lock = lock(folder)
        try:
            self._file, self.entries = File.read(folder)
        except BaseException:
            os.close(self._lock)
            raise
        self._fresh_size = self._file.size
        self._waiting: _Batch | None = None
        self._writing: _Batch | None = None
        self._sick = ""
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "ledger")
        self._task: asyncio.Task[None] | None = None

    def rewrite(self, snapshot: Callable[[], Iterable[Any]]) -> None:
        """Write it anew from what *snapshot* gives, now and whenever most of it is history."""
        self._snapshot, self.entries = snapshot, []
        try:
            self._renew(list(snapshot()))
        except NotWritten as error:
            logger.warning("%s: the ledger stays as it is: %s", self._folder, error)
        except OSError as error:
            raise Unusable(f"{self._folder}: {error}: the ledger cannot be written") from error

    def close(self) -> None:
        """Give the folder back."""
        self._thread.shutdown()
        self._file.close()
        os.close(self._lock)

    def put(self, entry: object, undo: Callable[[], None]) -> asyncio.Future[None]:
        """Let *entry* be written; the future ends when it is on disk.

        Raises (the future, when *undo* has been called):
            Refused: it is not there.

        """
        batch = self._waiting or _Batch(asyncio.get_running_loop().create_future())
        batch.entries.append(entry)
        batch.undo.append(undo)
        self._waiting = batch
        if self._task is None:
            self._task = asyncio.ensure_future(self._write())
        return batch.done

    @property
    def settled(self) -> asyncio.Future[None] | None:
        """Give when all that was put is on disk; None: it is."""
        batch = self._waiting or self._writing
        return batch.done if batch else None

    async def _write(self) -> None:
        try:
            while self._waiting is not None:
                batch = self._writing = self._waiting
                self._waiting = None
                try:
                    await self._store(batch)
                except Refused as refused:
                    self._take_back(refused)
                else:
                    batch.done.set_result(None)
                    self._writing = None
        finally:
            self._task = None

    async def _store(self, batch: _Batch) -> None:
        if self._sick:
            raise Refused(self._sick)
        loop = asyncio.get_running_loop()
        try:
            is_history = self._file.size > max(_LARGE, _HISTORY * self._fresh_size)
            everything = list(self._snapshot()) if is_history else []  # this batch is in it
            await loop.run_in_executor(self._thread, self._put_down, batch.entries, everything)
        except NotWritten as error:
            logger.error("%s: %s: refused, nothing is forgotten", self._folder, error.strerror)  # noqa: TRY400 - no bug
            raise Refused(f"the witness's disk is full: {error.strerror}") from error
        except Exception as error:
            self._sick = (
                f"the witness's disk fails ({error}): it arbitrates nothing until clp-witness is"
                " restarted on a disk that works"
            )
            logger.critical("%s: %s", self._folder, self._sick, exc_info=error)
            raise Refused(self._sick) from error

    def _take_back(self, refused: Refused) -> None:
        """Undo what was told of in lines that were not written, the newest first."""
        batches = [batch for batch in (self._waiting, self._writing) if batch]
        self._waiting = self._writing = None
        for batch in batches:
            for undo in reversed(batch.undo):
                undo()
            batch.done.set_exception(refused)
            batch.done.exception()  # whoever asked may have gone

    def _put_down(self, entries: list[Any], everything: list[Any]) -> None:
        """Append, or where *everything* is given write anew; runs in the writer thread."""
        if everything:
            with contextlib.suppress(NotWritten):
                return self._renew(everything)
        return self._file.append(entries)

    def _renew(self, entries: list[Any]) -> None:
        file = File.write(self._folder, entries)
        self._file.close()
        self._file = file
        self._fresh_size = file.size
