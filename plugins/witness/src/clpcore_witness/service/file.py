"""The ledger's file: lines that are chained, and a mark that says how far they were acknowledged.

A line is ``CHAIN JSON``; CHAIN is a hash over the line and the one before it, so that no line can
change, go or come unnoticed. Beside it stands the *mark*: a tail that is torn beyond it was never
answered and is cut off; a file that ends before its mark has lost something, and is refused.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from clpcore_witness import values

logger = logging.getLogger(__name__)

NAME: Final = "ledger"
_FORMAT: Final = 1
_CHAIN: Final = 32  # characters of a line's hash
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Unusable(Exception):
    """The state folder cannot be served from; the text names the way out."""


class NotWritten(OSError):
    """Nothing was written, and all stands as it stood: there is no space."""


class File:
    """One ledger file that is open, and its mark."""

    def __init__(self, path: Path, mark: Path, chain: str, size: int) -> None:
        self._chain = chain
        self.size = size
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._mark = os.open(mark, os.O_WRONLY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._mark)

    @classmethod
    def read(cls, folder: Path) -> tuple[File, list[Any]]:
        """Open what stands in *folder*; give its entries."""
        path = folder / NAME
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise Unusable(
                f"{path} is not there. Was a disk not mounted? Without it, every claim is"
                " forgotten. For a witness that is new: `clp-witness new`"
            ) from None
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {error.strerror}") from error
        entries, chain, good = [], "", 0
        for line, chain, end in _lines(data):  # noqa: B007 - the last ones are kept
            entries.append(line)
            good = end
        if not entries or entries[0][:1] != ["ledger"] or entries[0][1] != _FORMAT:
            raise Unusable(_damaged(path, 0, "its first line cannot be read"))
        mark = folder / f"mark.{entries[0][2]}"
        acknowledged = _acknowledged(mark, path)
        if acknowledged > good:
            raise Unusable(_damaged(path, good, f"{acknowledged} bytes of it were acknowledged"))
        if good < len(data):
            logger.warning("%s: cut a torn tail of %d bytes", path, len(data) - good)
            os.truncate(path, good)
        return cls(path, mark, chain, good), entries[1:]

    @classmethod
    def write(cls, folder: Path, entries: list[Any]) -> File:
        """Put a ledger of these entries into the place of what stands there, whole or not at all.

        Raises:
            NotWritten: what stood there still does.
            OSError: nobody knows which of the two stands there after a crash.

        """
        name = os.urandom(8).hex()
        draft, mark = folder / f"{NAME}.draft", folder / f"mark.{name}"
        data, chain = _text([["ledger", _FORMAT, name], *entries], "")
        try:
            for path, content in ((mark, b"%020d\n" % len(data)), (draft, data)):
                _write_synced(path, content)
        except OSError as error:
            for path in (draft, mark):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            raise NotWritten(*error.args) from error
        draft.replace(folder / NAME)
        _sync(folder)
        for old in folder.glob("mark.*"):
            if old != mark:
                old.unlink(missing_ok=True)
        return cls(folder / NAME, mark, chain, len(data))

    def append(self, entries: list[Any]) -> None:
        """Write and sync the entries as lines.

        Raises:
            NotWritten: none is written.
            OSError: nobody knows what is written.

        """
        data, chain = _text(entries, self._chain)
        try:
            _write_all(self._fd, data, self.size)
        except OSError as error:
            os.ftruncate(self._fd, self.size)
            if error.errno in _FULL:
                raise NotWritten(*error.args) from error
            raise
        os.fdatasync(self._fd)
        self._chain = chain
        self.size += len(data)
        with contextlib.suppress(OSError):  # a mark that lags warns of less, and forgets nothing
            os.pwrite(self._mark, b"%020d\n" % self.size, 0)


def _text(entries: Iterable[Any], chain: str) -> tuple[bytes, str]:
    """Give the entries as lines after the one whose hash is *chain*, and the hash of the last."""
    data = bytearray()
    for entry in entries:
        line = values.dump(entry)
        chain = hashlib.sha256(chain.encode() + line).hexdigest()[:_CHAIN]
        data += chain.encode() + b" " + line + b"\n"
    return bytes(data), chain


def _lines(data: bytes) -> Iterator[tuple[Any, str, int]]:
    """Give each good line's entry, its hash and where it ends, until one is not."""
    chain, at = "", 0
    while (end := data.find(b"\n", at)) >= 0:
        line = data[at + _CHAIN + 1 : end]
        chain = hashlib.sha256(chain.encode() + line).hexdigest()[:_CHAIN]
        if data[at : at + _CHAIN + 1] != chain.encode() + b" ":
            return
        at = end + 1
        yield json.loads(line), chain, at


def _acknowledged(mark: Path, ledger: Path) -> int:
    try:
        return int(mark.read_bytes())
    except (OSError, ValueError) as error:
        raise Unusable(_damaged(ledger, 0, f"its mark {mark.name}: {error}")) from error


def _damaged(path: Path, at: int, why: str) -> str:
    return (
        f"{path} is damaged at byte {at}: {why}. It is not served from, since claims would be"
        f" forgotten. Bring the folder back whole from a copy made while clp-witness was stopped,"
        f" or, when no server holds a group, move {path.parent} away and run `clp-witness new`"
    )


def lock(folder: Path) -> int:
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unusable(
            f"{folder}: {error.strerror}. Was a disk not mounted? For a witness that is new:"
            " `clp-witness new`"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise Unusable(f"{folder}: another clp-witness serves from it") from error
    return fd


def _write_synced(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(fd, data, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
