"""A heartbeat path in a worker of its own, as the agent sees it.

Nothing here waits. Of what the agent sends only the newest frame is kept for a worker that does
not read, and a worker that is blocked, or dies, loses its path and nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from clpcore.runtime import clock
from clpcore.runtime.workers import exchange
from clpcore.runtime.workers.exchange import Carry, Frame, Hello, Open, Opened, Ping, Pong, Shut
from clpcore.runtime.workers.template import Born
from clpcore.wire import values

OPENING: Final = 25_000  # ms to load the plugin and to open the path
_CHUNK: Final = 65_536
_AT_ONCE: Final = 16  # chunks read before others have their turn
_SILENT_PINGS, _SILENT_MS = 4, 2_000  # without an answer: that many, for that long, are a block

Receive: TypeAlias = Callable[[bytes], None]


class NoPath(Exception):
    """The path cannot be opened, or has failed; says why."""


class WorkerPath:
    """One open path, or one that is being opened, and its worker."""

    def __init__(self, born: Born, order: Open, receive: Receive) -> None:
        """Let the worker open it; *receive* gets every frame that comes, on the loop."""
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()  # becomes why
        self._loop = loop
        self._pidfd = born.pidfd
        self._sock = born.line
        self._receive = receive
        self._read = b""
        self._unsent = b""
        self._next = b""
        self._pings = 0
        self._pinged_at = 0
        self._sock.setblocking(False)
        loop.add_reader(self._sock, self.drain)
        self._write(exchange.line(order))

    @classmethod
    async def open(cls, born: Born, order: Open, receive: Receive) -> WorkerPath:
        """Give the path once it is open.

        Raises:
            NoPath: it does not open now.

        """
        path = cls(born, order, receive)
        left = max(0, order.call.deadline - clock.now()) / 1_000
        waits: set[asyncio.Future[Any]] = {path.opened, path.ended}
        try:
            await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            path.close()
            raise
        if not path.opened.done():
            path._end(f"it was not open after {left:.0f} s")
        if path.ended.done():
            raise NoPath(path.ended.result())
        return path

    def send(self, frame: bytes) -> None:
        """Let it send a frame to every other server."""
        now = clock.now()
        if self._pings == 0:
            self._pinged_at = now
        elif self._pings >= _SILENT_PINGS and now - self._pinged_at >= _SILENT_MS:
            self._end("its worker was blocked by the driver")
            return
        self._pings += 1
        word = Carry(base64.b64encode(frame).decode())
        lines = exchange.line(Ping()) + exchange.line(word)
        if self._unsent:
            self._next = lines
        else:
            self._write(lines)

    def drain(self) -> None:
        """Take what has come."""
        for _ in range(_AT_ONCE):
            if self.ended.done():
                return
            try:
                data = self._sock.recv(_CHUNK)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(f"its worker cannot be heard: {error.strerror}")
                return
            self._hear(data)

    def close(self) -> None:
        """End it; what waits to be sent is lost."""
        self._end("it was closed")

    # -- the line

    def _write(self, data: bytes) -> None:
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the end of the socket says so, too
        self._unsent = data[sent:]
        if self._unsent:
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._sock)
        data, self._unsent = self._unsent, b""
        self._write(data)
        if not self._unsent and self._next:
            data, self._next = self._next, b""
            self._write(data)

    def _hear(self, data: bytes) -> None:
        if not data:
            self._end("its worker died")
            return
        *lines, self._read = (self._read + data).split(b"\n")
        try:
            for line in lines:
                self._take(values.from_json(line.decode(), exchange.FromWorker))
        except (ValueError, binascii.Error) as error:
            self._end(f"its worker sent what is no word ({error})")
        if len(self._read) > exchange.LONGEST:
            self._end("its worker sent a line without end")

    def _take(self, word: exchange.FromWorker) -> None:
        match word:
            case Frame(frame):
                self._receive(base64.b64decode(frame, validate=True))
            case Pong():
                self._pings = 0
            case Opened() if not self.opened.done():
                self.opened.set_result(None)
            case Hello(refused=reason) if reason:
                self._end(f"its plugin is refused: {reason}")
            case Shut(why):
                self._end(why)

    # -- its end

    def _end(self, why: str) -> None:
        if self.ended.done():
            return
        self.ended.set_result(why)
        if not self.opened.done():
            self.opened.cancel()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)
