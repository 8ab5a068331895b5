"""Small text files: read, written whole or not at all, removed; trouble is told as ``Failed``."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore import api

_COUNTER: Final = itertools.count()


@contextlib.contextmanager
def _told(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise api.Failed(f"{path} cannot be {what}: {error.strerror}") from error


def read(path: Path) -> str | None:
    """Give the text of a file, None if there is none."""
    with _told("read", path):
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None


def write(path: Path, text: str) -> None:
    """Write a file atomically, making its folder.

    Not synced: these files are volatile, and a crash of the machine takes the whole folder.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{next(_COUNTER)}")
    with _told("written", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


def remove(path: Path) -> None:
    """Remove a file; none there is fine."""
    with _told("removed", path):
        path.unlink(missing_ok=True)
