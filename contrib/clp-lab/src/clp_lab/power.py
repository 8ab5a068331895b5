"""The power port's other end: one word on $CLP_ROOT/run/power ends the life of a server."""

import contextlib
import selectors
import socket
from collections.abc import Callable
from pathlib import Path

from clp_lab.spawn import say

WORDS = ("poweroff", "reboot", "reset", "panic")
_LONGEST = 64


class PowerSocket:
    """A Unix stream socket on which PID 1 listens; whoever can connect has root on the server."""

    def __init__(
        self, path: Path, selector: selectors.BaseSelector, obey: Callable[[str], None]
    ) -> None:
        self._selector, self._obey = selector, obey
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.bind(str(path))
        self._sock.listen()
        selector.register(self._sock, selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._sock.accept()
            self._selector.register(
                connection, selectors.EVENT_READ, lambda: self._hear(connection)
            )

    def _hear(self, connection: socket.socket) -> None:
        """Take one word, with or without a line end; it is obeyed at once and never answered."""
        try:
            word = connection.recv(_LONGEST).decode(errors="replace").strip()
        except OSError:
            word = ""
        self._selector.unregister(connection)
        connection.close()
        if word in WORDS:
            self._obey(word)
        else:
            say(f"the power socket knows {', '.join(WORDS)}; not {word!r}")
