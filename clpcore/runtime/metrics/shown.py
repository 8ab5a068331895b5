"""The agent's own socket of figures: $CLP_ROOT/run/clpcore/metrics."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from clpcore.runtime.metrics import text
from clpcore.runtime.metrics.serving import Pages
from clpcore.runtime.metrics.text import Facts
from clpcore.runtime.operators import control
from clpcore.runtime.operators.desk import Desk


class MetricsSocket:
    """A Unix socket that tells the figures of this moment; the desk's thread writes the page."""

    def __init__(self, path: Path, desk: Desk, facts: Callable[[], Facts]) -> None:
        """Name the socket; *facts* is called on the loop, for each page."""
        self._path = path
        self._desk = desk
        self._facts = facts
        self._pages = Pages(self._make)

    async def open(self) -> None:
        """Make the socket: for root and the group clpcore, where there is one.

        Raises:
            OSError: it cannot be made.

        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            control.bind(sock, self._path)
            await self._pages.open(sock)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        """Show nothing any more."""
        self._pages.close()
        self._path.unlink(missing_ok=True)

    async def _make(self) -> bytes:
        return await self._desk.do(text.page, self._facts())
