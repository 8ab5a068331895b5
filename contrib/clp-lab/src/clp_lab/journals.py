"""The journal of a server, read from its file: one that is off tells nothing any more."""

import contextlib
import sqlite3

from clp_lab.spots import Server
from clp_lab.timeline import Happened, boot_time_offset

_AT_ONCE = 5_000


class Journal:
    """Every sentence so far, also when the server is off, or its store was set aside."""

    def __init__(self, server: Server) -> None:
        """Read nothing yet."""
        self._server = server
        self._told: list[Happened] = []
        self._offset = boot_time_offset()  # the same for all: lines of one millisecond keep order
        self._file = self._last = 0  # the store's inode, the number of the last line read

    def so_far(self) -> list[Happened]:
        """Give the sentences as they were told; only what is new is read."""
        with contextlib.suppress(sqlite3.Error, OSError):
            self._read()
        return self._told

    def _read(self) -> None:
        from clpcore.runtime.store import journal  # noqa: PLC0415 - the lab itself needs no core

        store = self._server.root / "var/lib/clpcore/store.db"
        file = store.stat().st_ino
        if file != self._file:
            self._file, self._last = file, 0
        for line in journal.page(store, after=self._last, limit=_AT_ONCE):
            row = journal.shown(line, self._server.name)
            self._told.append(Happened.of(self._server.name, row, self._offset))
            self._last = line.seq
