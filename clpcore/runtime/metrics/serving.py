"""One page over HTTP, and nothing else of HTTP: for scrapers, in good and in bad faith.

Whoever connects gets one page and has ten seconds for all of it; a page is made once a second at
most, however many ask. When it is full, whoever has waited longest to say what it wants gives way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final, cast

logger = logging.getLogger(__name__)

Make = Callable[[], Awaitable[bytes]]

WITHIN: Final = 10.0  # seconds from connecting to having read the page
VISITORS: Final = 16
_LONGEST_REQUEST: Final = 8_192
_FRESH: Final = 1.0  # seconds that a page is handed out
_ENDS: Final = (b"\r\n\r\n", b"\n\n")
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class NoPage(Exception):
    """There is no page now; says why in one line of ASCII."""


class Pages:
    """What is served, and to whom now."""

    def __init__(self, make: Make) -> None:
        """Serve what *make* gives; it raises NoPage where there is none."""
        self._make = make
        self._visits: dict[_Visit, None] = {}  # in the order of their coming
        self._servers: list[asyncio.Server] = []
        self._page: asyncio.Future[bytes] | None = None
        self._made_at = 0.0

    async def open(self, sock: socket.socket) -> None:
        """Serve on a bound socket, which is ours from now on."""
        loop = asyncio.get_running_loop()
        start = loop.create_unix_server if sock.family is socket.AF_UNIX else loop.create_server
        self._servers.append(await start(lambda: _Visit(self), sock=sock))

    def close(self) -> None:
        """End everything at once."""
        for server in self._servers:
            server.close()
        for visit in [*self._visits]:
            visit.abort()
        if self._page is not None:
            self._page.cancel()

    async def page(self) -> bytes:
        """Give a page of the last second.

        Raises:
            NoPage: there is none.

        """
        now = asyncio.get_running_loop().time()
        if self._page is None or (self._page.done() and now - self._made_at > _FRESH):
            self._page = asyncio.ensure_future(self._make())
            self._made_at = now
        return await asyncio.shield(self._page)

    def joined(self, visit: _Visit) -> bool:
        """Take a visitor; when there are too many, an idle one gives way, or it is refused."""
        idle = next((each for each in self._visits if each.idle), None)
        self._visits[visit] = None
        if len(self._visits) <= VISITORS:
            return True
        if idle is not None:
            self.left(idle)
            idle.abort()
        return idle is not None

    def left(self, visit: _Visit) -> None:
        """Forget a visitor."""
        self._visits.pop(visit, None)


class _Visit(asyncio.Protocol):
    """One connection: a request, a page, the end."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._transport: asyncio.Transport | None = None
        self._request = b""
        self._limit: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Tell whether it has not yet asked for anything whole."""
        return self._task is None and self._transport is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._limit = asyncio.get_running_loop().call_later(WITHIN, self.abort)
        if not self._pages.joined(self):
            self._answer("503 Service Unavailable", b"too many visitors\n")

    def data_received(self, data: bytes) -> None:
        if self._task is not None or self._transport is None or self._transport.is_closing():
            return
        self._request += data
        if any(end in self._request for end in _ENDS):
            self._transport.pause_reading()  # whatever else it sends is nobody's
            self._task = asyncio.create_task(self._serve())
        elif len(self._request) > _LONGEST_REQUEST:
            self._answer("431 Request Header Fields Too Large", b"too long a request\n")

    def connection_lost(self, _error: Exception | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        if self._task is not None:
            self._task.cancel()
        self._pages.left(self)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self) -> None:
        method, _, rest = self._request.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method not in {b"GET", b"HEAD"}:
            self._answer("405 Method Not Allowed", b"only GET\n")
        elif path not in {b"/", b"/metrics"}:
            self._answer("404 Not Found", b"the page is /metrics\n")
        else:
            await self._show(with_body=method == b"GET")

    async def _show(self, *, with_body: bool) -> None:
        try:
            page = await self._pages.page()
        except NoPage as why:
            self._answer("503 Service Unavailable", f"{why}\n".encode("ascii", "replace"))
        except Exception:
            logger.exception("a page of metrics could not be made")
            self._answer("500 Internal Server Error", b"a bug: the agent's log has more\n")
        else:
            self._answer("200 OK", page, with_body=with_body)

    def _answer(self, status: str, body: bytes, *, with_body: bool = True) -> None:
        """Send it and close; the limit of the visit holds for a reader that does not read."""
        if self._transport is None or self._transport.is_closing():
            return
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: {_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode())
        if with_body:
            self._transport.write(body)
        self._transport.close()
