"""Passwords, tokens and secret addresses: from files of their owner alone, read for each use."""

from __future__ import annotations

import os
import stat
from typing import Final

from clpcore.runtime.alerts.errors import Unsent

_LONGEST: Final = 4_096
_OTHERS: Final = 0o077


def read(path: str) -> str:
    """Give what a file holds.

    Raises:
        Unsent: it cannot be read, or others can, or it holds no secret; says what to do.

    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unsent(f"{path} is no file")
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise Unsent(f"{path}: {error.strerror}") from error
    if status.st_uid not in {0, os.geteuid()}:
        raise Unsent(f"{path} belongs to another user: chown root {path}")
    if status.st_mode & _OTHERS:
        raise Unsent(f"{path} can be read by others: chmod 600 {path}")
    text = data.decode("ascii", "replace").strip()
    if not text or len(data) > _LONGEST or not text.isascii() or not text.isprintable():
        raise Unsent(f"{path} holds no secret: one line of ASCII, {_LONGEST} bytes at most")
    return text
