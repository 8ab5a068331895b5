"""One connection of a small HTTP/1.1 server: requests in, answers out, in order, within limits.

It knows Content-Length and keep-alive, and no more: chunked bodies, upgrades and the like are
refused. docs/decisions/0030-the-witness-serves-http-itself.md says why it is ours.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import attrs

logger = logging.getLogger(__name__)

HEAD: Final = 8 << 10  # bytes of a request's head
BODY: Final = 64 << 10
READ_WITHIN: Final = 10_000  # ms from the first byte of a request to its last
STRANGER_IDLE: Final = 10_000  # ms without a request, of who has proven nothing
IDLE: Final = 75_000
_UNREAD: Final = 256 << 10  # bytes of answers that the other side does not read

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET: Final = re.compile(rb"[!-~]+")
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}


@attrs.frozen
class Request:
    """*headers* by lower-case name; each name was there once."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen(kw_only=True)
class Answer:
    """What is said. *proven*: the request has proven whose it is."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    proven: bool = False


Handler = Callable[[Request], Answer | Awaitable[Answer]]


class _Bad(Exception):
    """The connection ends with this status: what follows on it cannot be understood."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Connection(asyncio.Protocol):
    """One client. ``is_late`` tells when it must go."""

    def __init__(self, handle: Handler, clock: Callable[[], int]) -> None:
        """*clock* gives ms."""
        self._handle = handle
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._needs = 0  # bytes in the buffer before it is worth a look
        self._task: asyncio.Task[None] | None = None
        self._ends = False  # after the answer that is being made
        self._full = False  # the other side does not read
        self._deadline: int | None = clock() + READ_WITHIN
        self.proven = False
        self.gone: Callable[[], None] = lambda: None

    # -- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        transport.set_write_buffer_limits(high=_UNREAD)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._task is not None:
            self._task.cancel()
        self.gone()

    def data_received(self, data: bytes) -> None:
        if not self._buffer and self._task is None:
            self._deadline = self._clock() + READ_WITHIN
        self._buffer += data
        if self._task is None:
            self._serve()
        if len(self._buffer) > HEAD + BODY and self._transport is not None:
            self._transport.pause_reading()  # the next requests wait until this one is answered

    def pause_writing(self) -> None:
        self._full = True
        self._deadline = self._clock() + READ_WITHIN

    def resume_writing(self) -> None:
        self._full = False
        self._rest()

    # -- for whoever counts connections

    def is_late(self, now: int) -> bool:
        """Tell whether it has had its time."""
        return self._deadline is not None and now > self._deadline

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End it when what was said is sent."""
        self._ends = True
        if self._transport is not None and self._task is None:
            self._transport.close()

    # -- requests

    def _serve(self) -> None:
        """Answer what has come whole; stop where an answer has to be waited for."""
        while self._transport is not None and not self._ends and self._task is None:
            try:
                request = self._next()
            except _Bad as bad:
                self._ends = True
                return self._say(Answer(status=bad.status), is_head=False)
            if request is None:
                return None
            self._deadline = None
            answer = self._handle(request)
            if isinstance(answer, Answer):
                self._say(answer, is_head=request.method == "HEAD")
            else:
                self._task = asyncio.ensure_future(self._later(answer))
        return None

    async def _later(self, answer: Awaitable[Answer]) -> None:
        try:
            said = await answer
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("a request failed")
            said, self._ends = Answer(status=500), True
        self._task = None
        self._say(said, is_head=False)
        if self._transport is not None and not self._ends:
            self._transport.resume_reading()
            self._serve()

    def _say(self, answer: Answer, *, is_head: bool) -> None:
        if self._transport is None:
            return
        self.proven = self.proven or answer.proven
        lines = [
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
            f"Content-Type: {answer.kind}",
            f"Content-Length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            *(("Connection: close",) if self._ends else ()),
            "\r\n",
        ]
        self._transport.write("\r\n".join(lines).encode() + (b"" if is_head else answer.body))
        if self._ends:
            self._transport.close()
            self._deadline = self._clock() + READ_WITHIN
        else:
            self._rest()

    def _rest(self) -> None:
        if not self._full:
            wait = READ_WITHIN if self._buffer else IDLE if self.proven else STRANGER_IDLE
            self._deadline = self._clock() + wait

    def _next(self) -> Request | None:
        """Take a request that is whole out of the buffer."""
        if len(self._buffer) < self._needs:
            return None
        end = self._buffer.find(b"\r\n\r\n", 0, HEAD)
        if end < 0:
            if len(self._buffer) >= HEAD:
                raise _Bad(431)
            return None
        method, target, version, headers = _head(bytes(self._buffer[:end]))
        if "transfer-encoding" in headers:
            raise _Bad(501)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise _Bad(400)
        if len(length) > 8 or int(length) > BODY:  # noqa: PLR2004 - digits that int takes fast
            raise _Bad(413)
        self._needs = whole = end + 4 + int(length)
        if len(self._buffer) < whole:
            return None
        self._needs = 0
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        connection = headers.get("connection", "").lower()
        self._ends = connection == "close" or (
            version == b"HTTP/1.0" and connection != "keep-alive"
        )
        return Request(method, target, headers, body)


def _head(head: bytes) -> tuple[str, str, bytes, dict[str, str]]:
    """Read method, target, version and headers; whatever is ambiguous is refused."""
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if (
        len(words) != 3  # noqa: PLR2004 - method, target, version
        or not _TOKEN.fullmatch(words[0])
        or not _TARGET.fullmatch(words[1])
        or words[2] not in (b"HTTP/1.1", b"HTTP/1.0")
    ):
        raise _Bad(400)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or b"\0" in value or b"\n" in value:
            raise _Bad(400)
        key = name.decode().lower()
        if key in headers and key in ("content-length", "authorization", "transfer-encoding"):
            raise _Bad(400)
        headers[key] = value.strip(b" \t").decode("latin-1")
    return words[0].decode(), words[1].decode(), words[2], headers
