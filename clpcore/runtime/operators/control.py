"""The control socket: JSON lines from operators on this machine, one request after the other.

Nobody who connects can hold the agent up: what a client does not read is bounded, and then it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from clpcore.runtime import unixsockets
from clpcore.runtime.operators import accounts

logger = logging.getLogger(__name__)

GROUP: Final = "clpcore"
_CLIENTS: Final = 32
_LONGEST_REQUEST: Final = 64 * 1024
# What may wait for a client: a status document of the largest cluster has a few MiB.
_LONGEST_BACKLOG: Final = 16 * 1024 * 1024
_CREDENTIALS: Final = struct.Struct("=iII")  # pid, uid, gid

Document = Mapping[str, Any]
Serve = Callable[[dict[str, Any], "Client"], Awaitable[None]]


def line(document: Document) -> bytes:
    """Give a document as it goes over the socket; half a character of a file's name is escaped."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace") + b"\n"


def parsed(text: str) -> dict[str, Any] | None:
    r"""Give the JSON object that *text* is; None: it is none, or one that nobody can store or show.

    JSON can spell half a character (``"\ud800"``), which no file, journal or terminal takes.
    """
    try:
        document = json.loads(text)
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def refusal(error: str, remedy: str = "") -> Document:
    """Give the reply to what is not done."""
    return {"ok": False, "error": error, "remedy": remedy}


def bind(sock: socket.socket, path: Path) -> None:
    """Bind a Unix socket for root and the group clpcore, where there is one."""
    umask = os.umask(0o177)
    try:
        unixsockets.bind(sock, path)
    finally:
        os.umask(umask)
    group = accounts.group_id(GROUP)
    if group is not None:
        with contextlib.suppress(PermissionError):  # not root: it stays for our own user
            os.chown(path, -1, group)
            path.chmod(0o660)


class Client(asyncio.Protocol):
    """One connection of an operator."""

    def __init__(self, control: Control) -> None:
        self.uid = -1
        self.streams = False  # what it reads now has no end
        self._control = control
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self._readable = asyncio.Event()
        self._readable.set()

    @property
    def busy(self) -> bool:
        """Tell whether a request of it is being served."""
        return self._task is not None

    @property
    def backlog(self) -> int:
        """Give how many bytes wait to be read by it."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def reply(self, document: Document) -> None:
        """Send one line."""
        self.write(line(document))

    def write(self, data: bytes) -> None:
        """Send whole lines; one that does not read them is let go."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self.backlog > _LONGEST_BACKLOG:
            logger.warning("a client of the control socket does not read; it is let go")
            self.abort()

    async def drained(self) -> None:
        """Wait until it has read most of what was sent."""
        await self._readable.wait()

    def close(self) -> None:
        """End the connection once it has read what was sent."""
        if self._transport is not None:
            self._transport.close()

    def dismiss(self) -> None:
        """End the connection now; what it has not read by now it never reads."""
        if self.backlog:
            self.abort()
        else:
            self.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who it is."""
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, self.uid, _ = _CREDENTIALS.unpack(raw)
        self._control.joined(self)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        self._buffer += data
        if len(self._buffer) > _LONGEST_REQUEST:
            self._buffer = b""
            self.reply(refusal(f"a request of more than {_LONGEST_REQUEST} bytes"))
            self.close()
            return
        self._next()

    def eof_received(self) -> bool:
        """Answer what was asked to one that says no more, then close; nobody reads a stream."""
        self._ended = True
        return (self.busy or b"\n" in self._buffer) and not self.streams

    def pause_writing(self) -> None:
        """Note that it does not keep up."""
        self._readable.clear()

    def resume_writing(self) -> None:
        """Take its next request: it has caught up."""
        self._readable.set()
        self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        """Serve it no more."""
        if self._task is not None:
            self._task.cancel()
        self._control.left(self)

    # -- requests

    def _next(self) -> None:
        if self.busy or not self._readable.is_set() or b"\n" not in self._buffer:
            return  # one that does not read gets no more to read
        text, self._buffer = self._buffer.split(b"\n", 1)
        self._task = asyncio.create_task(self._serve(text))
        self._task.add_done_callback(self._served)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a request could not be served", exc_info=error)
            self.reply(refusal(f"a bug of the agent: {error!r}", "its log has more"))
        if self._ended and b"\n" not in self._buffer:
            self.close()
        else:
            self._next()

    async def _serve(self, text: bytes) -> None:
        request = parsed(text.decode(errors="surrogateescape"))
        if request is not None:
            await self._control.serve(request, self)
        else:
            wrong = "not a JSON object of whole characters, in UTF-8"
            self.reply(refusal(wrong, 'for example {"do": "status"}'))


class Control:
    """The socket and its clients."""

    def __init__(self, path: Path, serve: Serve) -> None:
        """Name the socket; *serve* answers one request of a client."""
        self.serve = serve
        self._path = path
        self._server: asyncio.Server | None = None
        self._clients: dict[Client, None] = {}

    async def open(self) -> None:
        """Make the socket: for root and the group clpcore, where there is one.

        Raises:
            OSError: it cannot be made.

        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            bind(sock, self._path)
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(lambda: Client(self), sock=sock)
        except BaseException:
            sock.close()
            raise

    def close(self) -> None:
        """Take no more clients, and end those that are there."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for client in [*self._clients]:
            client.dismiss()

    def joined(self, client: Client) -> None:
        """Take a client; when there are too many, an idle one gives way, or it is refused."""
        self._clients[client] = None
        if len(self._clients) <= _CLIENTS:
            return
        idle = next((each for each in self._clients if not each.busy), client)
        del self._clients[idle]
        idle.reply(refusal("too many clients of the control socket", "try again in a moment"))
        idle.dismiss()

    def left(self, client: Client) -> None:
        """Forget a client."""
        self._clients.pop(client, None)
