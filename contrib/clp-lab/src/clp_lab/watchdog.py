"""A server's watchdog: once armed, it resets the server that does not feed it.

Like a watchdog that a hypervisor emulates, it does not count while the whole server is frozen.
"""

import contextlib
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

from clp_lab.spawn import say

_LONGEST = 64
_STEPS = 20
"""Looks at the clock within a timeout; a pause between two of them counts as two looks at most."""


class Watchdog:
    """A Unix stream socket on which PID 1 listens: lines with `arm MS`, `feed` and `disarm`.

    Who hangs up without `disarm` leaves it armed, as with /dev/watchdog.
    """

    def __init__(
        self,
        path: Path,
        selector: selectors.BaseSelector,
        now: Callable[[], int],
        reset: Callable[[], None],
    ) -> None:
        self._selector, self._now, self._reset = selector, now, reset
        self._timeout = 0
        self._left = 0
        self._looked_at = 0
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.bind(str(path))
        self._sock.listen()
        selector.register(self._sock, selectors.EVENT_READ, self._accept)

    @property
    def wake_at(self) -> int | None:
        """Give when to look at the clock again, in ms; None while it is not armed."""
        return self._looked_at + self._step if self._timeout else None

    @property
    def _step(self) -> int:
        return max(1, self._timeout // _STEPS)

    def look(self, now: int) -> None:
        """Count, and reset the server when its time is over."""
        if not self._timeout:
            return
        self._left -= min(now - self._looked_at, 2 * self._step)
        self._looked_at = now
        if self._left <= 0:
            say(f"the watchdog was not fed for {self._timeout} ms")
            self._reset()

    def hear(self, word: str, now: int) -> None:
        """Take one word."""
        verb, _, rest = word.partition(" ")
        if verb == "arm" and rest.isdecimal() and int(rest) > 0:
            self._timeout = int(rest)
        elif word == "disarm":
            self._timeout = 0
        elif word != "feed":
            say(f"the watchdog knows arm MS, feed, disarm; not {word!r}")
            return
        self._left, self._looked_at = self._timeout, now

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._sock.accept()
            waiting = bytearray()
            self._selector.register(
                connection, selectors.EVENT_READ, lambda: self._read(connection, waiting)
            )

    def _read(self, connection: socket.socket, waiting: bytearray) -> None:
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        *lines, rest = (bytes(waiting) + data).split(b"\n")
        waiting[:] = rest
        for line in lines:
            self.hear(line.decode(errors="replace"), self._now())
        if not data or len(waiting) > _LONGEST:
            self._selector.unregister(connection)
            connection.close()
