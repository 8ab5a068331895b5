"""Where a command's output goes, and what of it is remembered."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final, Protocol

from clpcore import api

REMEMBERED: Final = 64 * 1024  # bytes; the end of the output, where errors are
LOG_LIMIT: Final = 1_000_000  # bytes of a log, and of the one before it
_CHECK: Final = 0.25  # seconds between two looks at the size of a growing log
_LAST: Final = 16  # reads of what a command left in its pipe


class Output(Protocol):
    """The output of one command; closed when the command has ended."""

    @property
    def fd(self) -> int:
        """Give what the command writes to."""
        ...

    def text(self) -> str:
        """Give the end of what was written."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


def to(log: str | None) -> Output:
    """Give the output of one command; with *log* the file keeps all of it.

    Raises:
        Failed: the log cannot be opened.

    """
    return _Pipe() if log is None else _Log(Path(log))


class _Pipe:
    """Remembers the end and drops the rest; what still writes after the command gets SIGPIPE."""

    def __init__(self) -> None:
        self._read, self.fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(self.fd, True)
        self._end = bytearray()
        asyncio.get_running_loop().add_reader(self._read, self._take)

    def _take(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            if chunk := os.read(self._read, REMEMBERED):
                self._end += chunk
                del self._end[:-REMEMBERED]
                return True
            asyncio.get_running_loop().remove_reader(self._read)
        return False

    def text(self) -> str:
        for _ in range(_LAST):  # not endless: a process in the background may write for ever
            if not self._take():
                break
        return self._end.decode(errors="replace")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._read)
        os.close(self._read)
        os.close(self.fd)


class _Log:
    """Lets the command write to the file itself: what it leaves running can go on doing so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        rotate(path)
        self.fd = open_log(path)
        self._start = os.fstat(self.fd).st_size
        self._timer = asyncio.get_running_loop().call_later(_CHECK, self._check)

    def _check(self) -> None:
        if rotate(self._path):
            self._start = 0
        self._timer = asyncio.get_running_loop().call_later(_CHECK, self._check)

    def text(self) -> str:
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = self._start if self._start <= size else 0
            file.seek(max(start, size - REMEMBERED))
            return file.read(REMEMBERED).decode(errors="replace")
        return ""

    def close(self) -> None:
        self._timer.cancel()
        os.close(self.fd)


def open_log(path: Path) -> int:
    """Open a log so that every write goes to its end, making its folder.

    Raises:
        Failed: it cannot be opened.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise api.Failed(f"the log {path} cannot be opened: {error.strerror}") from error


def rotate(path: Path) -> bool:
    """Move the end of a log that has grown too long to PATH.1; tell whether it was moved.

    The file itself stays and is emptied: a process that writes to it knows of nothing.
    """
    with contextlib.suppress(OSError):  # a full disk: a log too long is not worth a failed call
        size = path.stat().st_size
        if size <= LOG_LIMIT:
            return False
        with path.open("rb") as file:
            file.seek(size - LOG_LIMIT)
            path.with_name(f"{path.name}.1").write_bytes(file.read(LOG_LIMIT))
        os.truncate(path, 0)
        return True
    return False
