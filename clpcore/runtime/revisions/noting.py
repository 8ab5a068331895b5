"""The durable notes of which groups are stopped for an apply, in restart.json."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from clpcore.model.revisions import Note
from clpcore.runtime.revisions import archive
from clpcore.wire import values

logger = logging.getLogger(__name__)


class Notes:
    """One note for each apply; ``load`` comes first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notes: dict[str, Note] = {}
        self._loaded = False
        self._lock = asyncio.Lock()  # the file is one

    @property
    def all(self) -> tuple[Note, ...]:
        """Give every note."""
        return tuple(self._notes.values())

    def get(self, apply: str) -> Note | None:
        """Give the note of an apply."""
        return self._notes.get(apply)

    async def load(self) -> None:
        """Read what an earlier agent has noted."""
        async with self._lock:
            if not self._loaded:
                found = await asyncio.to_thread(_read, self._path)
                self._notes, self._loaded = {note.apply: note for note in found}, True

    async def put(self, note: Note) -> None:
        """Note it instead of what was noted of that apply; on disk when it returns.

        Raises:
            OSError: it cannot be written.

        """
        await self.load()
        async with self._lock:
            if self._notes.get(note.apply) != note:
                await self._write({**self._notes, note.apply: note})

    async def drop(self, apply: str) -> None:
        """Forget what was noted of that apply.

        Raises:
            OSError: it cannot be written.

        """
        await self.load()
        async with self._lock:
            if apply in self._notes:
                await self._write({key: each for key, each in self._notes.items() if key != apply})

    async def _write(self, notes: dict[str, Note]) -> None:
        if notes:
            data = values.to_json(tuple(notes.values())).encode()
            await asyncio.to_thread(archive.replace, self._path, data)
        else:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)
        self._notes = notes


def _read(path: Path) -> tuple[Note, ...]:
    try:
        return values.from_json(path.read_text(), tuple[Note, ...])
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError, values.Unreadable) as error:
        logger.error("%s cannot be read: %s", path, error)  # noqa: TRY400 - no error of ours
        return ()
