"""Unix sockets at paths of any length: an address holds 107 bytes, a lab's root may be longer."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LONGEST: Final = 107


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """Give a short name of *path*, through a descriptor of its folder where it needs one."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def bind(sock: socket.socket, path: Path) -> None:
    """Bind, in place of whatever an earlier process has left there."""
    path.unlink(missing_ok=True)
    with _reachable(path) as name:
        sock.bind(name)


def connect(sock: socket.socket, path: Path) -> None:
    """Connect."""
    with _reachable(path) as name:
        sock.connect(name)
