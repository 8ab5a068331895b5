"""The SDK's way to send, within bounds: to one host only, and for answers of a size.

Nobody answers in the place of who was asked: a link to the next page, to an operation or to
another address would carry our token to whoever it names.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import urllib.request
import zlib
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from azure.core.pipeline.transport import AioHttpTransport

from clpcore_lib_azure.answers import clean
from clpcore_lib_azure.errors import Silent

CONNECT: Final = 3.0  # seconds; Azure's front ends answer within tenths
READ: Final = 10.0
_IDLE: Final = 30.0  # seconds that a connection is kept; Azure's close theirs after minutes
_LONGEST: Final = 4 << 20  # bytes of an answer, unpacked; a page of Azure's has some hundred KiB
_UNPACK: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": -zlib.MAX_WBITS}  # as the SDK does it
_PORTS: Final = {"https": 443, "http": 80}


def pool(trust: ssl.SSLContext, *, through_proxy: bool = True) -> aiohttp.ClientSession:
    """Give a pool of connections; a proxy of the environment is taken where there is one."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            ssl=trust, limit=8, keepalive_timeout=_IDLE, resolver=_Resolver()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # the SDK does it
        response_class=_Bounded,
        # Where there is none, each request would look for one again, in a thread.
        trust_env=through_proxy and bool(urllib.request.getproxies_environment()),
    )


class Transport(AioHttpTransport):  # type: ignore[misc] # for mypy the SDK's is Any
    """Sends to one host; *home* is its address, empty: to any, which nobody's answer chooses."""

    def __init__(self, connections: aiohttp.ClientSession, home: str) -> None:
        super().__init__(
            session=connections,
            session_owner=False,
            connection_timeout=CONNECT,
            read_timeout=READ,
        )
        self._home = home

    async def send(self, request: Any, **config: Any) -> Any:  # noqa: ANN401 - the SDK's
        """Send a request, and give the answer to it.

        Raises:
            Silent: it is for another host, or the answer is longer than any of Azure's.

        """
        if self._home and _origin(request.url) != _origin(self._home):
            raise Silent(
                f"{self._home} leads to {clean(urlsplit(request.url).netloc):.80}, where nothing of"
                " ours goes. Is a proxy in the way?"
            )
        return await super().send(request, **config)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


class _Bounded(aiohttp.ClientResponse):
    """An answer that is given up when it grows longer than any of Azure's, packed or not."""

    async def read(self) -> bytes:
        """Give all of it; raises Silent where it is too long."""
        if self._body is None:
            try:
                self._body = await self._whole()
            except BaseException:
                self.close()
                raise
        return await super().read()

    async def _whole(self) -> bytes:
        body = bytearray()
        async for piece in self.content.iter_any():
            body += piece
            self._see_to(len(body))
        if form := _UNPACK.get(self.headers.get("Content-Encoding", "").lower()):
            self._see_to(len(zlib.decompressobj(form).decompress(body, _LONGEST + 1)))
        return bytes(body)

    def _see_to(self, size: int) -> None:
        if size > _LONGEST:
            raise Silent(
                f"{self.url.host} answers with more than {_LONGEST} bytes, which Azure never does."
                " Is a proxy in the way?"
            )


class _Resolver(AbstractResolver):
    """Looks names up in threads that nobody waits for.

    The threads of the loop are waited for at its end, and where name servers are dead the system
    takes half a minute for each name.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the addresses of *host*; raises OSError."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[list[ResolveResult]] = loop.create_future()

        def settle(found: list[ResolveResult] | OSError) -> None:
            if not result.done():
                give = result.set_exception if isinstance(found, OSError) else result.set_result
                give(found)  # type: ignore[arg-type]

        def look() -> None:
            try:
                found: list[ResolveResult] | OSError = _addresses(host, port, family)
            except (OSError, UnicodeError) as error:
                found = error if isinstance(error, OSError) else OSError(str(error))
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=look, name=f"address of {host}", daemon=True).start()
        return await result

    async def close(self) -> None:
        """Keep nothing open."""


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    found = socket.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, proto, _, address in found
    ]
