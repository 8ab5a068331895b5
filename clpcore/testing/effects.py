"""Watches for what goes past ``Ports``: no test can script it, and no deadline ends it."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, Final, SupportsIndex

_EVENTS: Final = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.mkdir",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.spawn",
        "os.system",
        "shutil.rmtree",
        "signal.pthread_kill",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "subprocess.Popen",
        "time.sleep",
    }
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class PastPorts(RuntimeError):
    """Stops an effect that a driver tried without its ports."""


class _Watch:
    """What the hook sees: Python keeps a hook for ever, so there is one, usually asleep."""

    def __init__(self) -> None:
        self.installed = False
        self.seen: list[str] | None = None

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.seen is None:
            return
        if event in _EVENTS or (event == "open" and _writes(args)):
            said = f"{event}({', '.join(repr(arg) for arg in args[:1])})"
            self.seen.append(said)
            raise PastPorts(f"{said}: a driver acts through its ports only")

    def sleep(self, seconds: SupportsIndex | float) -> None:
        self.hook("time.sleep", (seconds,))
        _sleep(seconds)


_watch: Final = _Watch()
_sleep: Final = time.sleep  # raises no event of its own before Python 3.13


def _writes(args: tuple[Any, ...]) -> bool:
    path, mode, flags = args
    if "__pycache__" in str(path):  # an import of the driver's
        return False
    return bool(flags & _WRITING) if isinstance(flags, int) else "r" not in str(mode)


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Give the list of what went past the ports while this is entered."""
    if not _watch.installed:
        sys.addaudithook(_watch.hook)
        _watch.installed = True
    seen: list[str] = []
    before, _watch.seen = _watch.seen, seen
    time.sleep = _watch.sleep
    try:
        yield seen
    finally:
        time.sleep = _sleep
        _watch.seen = before


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Let the world's own scripts do what they like."""
    before, _watch.seen = _watch.seen, None
    try:
        yield
    finally:
        _watch.seen = before
