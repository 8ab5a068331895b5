"""The files of a recording: segments, the newest of which are kept."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Final

import attrs

from clpcore.runtime.recording.lines import FORMAT, MAGIC

SUFFIX: Final = ".clprec"
MOST: Final = 32 * 1024 * 1024  # bytes of all segments
_NAME: Final = re.compile(rf"(\d{{8}}){re.escape(SUFFIX)}")
_BLOCK: Final = 4096  # what the smallest file takes of a disk


def segments(folder: Path) -> list[Path]:
    """Give the segments in *folder*, the oldest first; none when it is not there.

    Raises:
        OSError: the folder cannot be read.

    """
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


@attrs.frozen
class Ring:
    """A folder with at most *most* bytes of segments, beside the one that is being written."""

    folder: Path
    most: int = MOST

    def begin(self) -> tuple[int, SegmentFile]:
        """Make room for a new segment and give it with its number.

        Raises:
            OSError: it cannot be written.

        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = segments(self.folder)
        number = int(there[-1].stem) + 1 if there else 1
        self._make_room(there)
        return number, SegmentFile(self.folder / f"{number:08}{SUFFIX}")

    def _make_room(self, there: list[Path]) -> None:
        sizes = [max(_BLOCK, path.stat().st_size) for path in there]
        taken = sum(sizes)
        for path, size in zip(there, sizes, strict=True):
            if taken <= self.most:
                return
            path.unlink()
            taken -= size


class SegmentFile:
    """A segment that is being written: lines, compressed, whole up to the last ``flush``."""

    def __init__(self, path: Path) -> None:
        """Begin the file; it must not be there."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0)
        self._pack = zlib.compressobj()
        self._waiting = [MAGIC, b"%d\n" % FORMAT]
        self.size = 0

    def add(self, line: str) -> None:
        """Take a line; it is in the file after the next ``flush``."""
        self._waiting.append(self._pack.compress(f"{line}\n".encode()))

    def flush(self) -> None:
        """Write so that every line can be read.

        Raises:
            OSError: it cannot be written; what is there can be read.

        """
        self._waiting.append(self._pack.flush(zlib.Z_SYNC_FLUSH))
        self._write()

    def sync(self) -> None:
        """Let it outlive the machine, too."""
        os.fdatasync(self._file.fileno())

    def finish(self) -> None:
        """Write the end."""
        with self._file:
            self._waiting.append(self._pack.flush())
            self._write()

    def abandon(self) -> None:
        """Leave it as it is."""
        self._file.close()

    def _write(self) -> None:
        data = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        while data:
            written = self._file.write(data) or 0  # a full disk takes a part, then raises
            self.size += written
            data = data[written:]
