"""One worker as the agent sees it: its calls in flight, their deadlines, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import typing
from typing import Any, Final

import attrs

from clpcore.runtime import clock
from clpcore.runtime.driving import processes
from clpcore.runtime.workers import exchange
from clpcore.runtime.workers.exchange import Ask, Hello, Ping, Pong, Said, Void
from clpcore.runtime.workers.template import Born
from clpcore.wire import values

logger = logging.getLogger(__name__)

MEMORY_LIMIT: Final = 256 * 1024 * 1024  # bytes; a worker above it gets no new calls
FILES_LIMIT: Final = 1_024  # open descriptors; as above
_AFTERMATH: Final = 1_200  # ms after a deadline in which the worker ends the call itself
_TICK: Final = 0.5  # seconds between two pings while calls are in flight
_SILENT_TICKS: Final = 4  # pings without an answer that make a worker count as blocked
_DIED: Final = "died"
_BLOCKED: Final = "was blocked by a driver and had to be killed"
_END: Final = 0.5  # seconds for a killed worker to be gone


@attrs.frozen
class Lost:
    """No answer came.

    *why* completes "its worker ..."; *late*: the call's own deadline has passed, else it may be
    innocent of what befell the worker.
    """

    why: str
    late: bool


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


@attrs.define(eq=False)
class _Call:
    """A call in flight. *void*: done when nobody wants it any more."""

    ask: Ask
    answer: asyncio.Future[Said | Lost] = attrs.field(factory=_future)
    void: asyncio.Future[None] = attrs.field(factory=_future)

    @property
    def late(self) -> bool:
        return self.void.done() or clock.now() >= self.ask.call.deadline


class Attached(asyncio.Protocol):
    """A worker and the line to it; whoever has it asks, and kills it when it is not needed."""

    def __init__(self, plugin: str, born: Born) -> None:
        loop = asyncio.get_running_loop()
        self.plugin = plugin
        self.pid = born.pid
        self.spent = False  # gets no new calls
        self.tainted = False  # a driver runs on in it after its call
        self.hello: asyncio.Future[Hello | Lost] = loop.create_future()
        self.gone: asyncio.Future[None] = loop.create_future()  # and every call is answered
        self._pidfd: int | None = born.pidfd
        self._ended = born.ended
        self._calls: dict[int, _Call] = {}
        self._why = _DIED
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._pinged = 0  # without an answer
        self._ticking: asyncio.TimerHandle | None = None
        self._burial: asyncio.Task[None] | None = None

    @classmethod
    async def attach(cls, plugin: str, born: Born) -> Attached:
        """Attach to a worker that has just been forked."""
        worker = cls(plugin, born)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: worker, sock=born.line)
        except BaseException:
            worker.kill("was not needed any more")
            raise
        return worker

    # -- calls

    @property
    def idle(self) -> bool:
        """Tell whether no call is in flight."""
        return not self._calls

    @property
    def only_looks(self) -> bool:
        """Tell whether nothing in flight changes a resource."""
        return not any(call.ask.do.changes for call in self._calls.values())

    async def ask(self, ask: Ask, *, watched: bool) -> Said | Lost:
        """Let the worker make a call; the answer comes soon after the deadline at the latest.

        Args:
            ask: the call, with its deadline.
            watched: kill the worker when it is blocked long before that: others wait, too.

        """
        if self.gone.done():
            return Lost(self._why, late=False)
        call = self._calls[ask.id] = _Call(ask)
        try:
            self._send(ask)
            if watched and self._ticking is None:
                self._tick()
            return await self._end_of(call)
        finally:
            del self._calls[ask.id]

    def void(self, group: str) -> None:
        """Call off what is asked for running *group*: it ends as if its deadline had passed."""
        for call in self._calls.values():
            if call.ask.serves(group) and not call.void.done():
                self._send(Void(call.ask.id))
                call.void.set_result(None)

    async def _end_of(self, call: _Call) -> Said | Lost:
        answer, deadline = call.answer, call.ask.call.deadline
        if await _within(answer, deadline, call.void):
            return answer.result()
        deadline = min(deadline, clock.now())
        self._pinged = 0
        self._ping()
        if await _within(answer, deadline + _AFTERMATH):
            return answer.result()
        if self._pinged:
            self.kill(_BLOCKED)
            return Lost(_BLOCKED, late=True)
        self.spent = self.tainted = True
        return Lost("did not end the call at its deadline", late=True)

    # -- signs of life

    def _ping(self) -> None:
        self._pinged += 1
        self._send(Ping())

    def _tick(self) -> None:
        """Ping as long as there are calls; counted in ticks, so that our own pause is but one."""
        if self._pinged >= _SILENT_TICKS:
            self.kill(_BLOCKED)
        if self.idle or self._transport is None:
            self._ticking = None
            return
        self._ping()
        self._ticking = asyncio.get_running_loop().call_later(_TICK, self._tick)

    # -- the line

    def _send(self, message: exchange.ToWorker) -> None:
        if self._transport is not None:
            self._transport.write(exchange.line(message))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = typing.cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        try:
            for line in lines:
                self._take(values.from_json(line.decode(), exchange.FromWorker))
        except ValueError as error:
            self.kill(f"sent what is no answer ({error})")
        if len(self._buffer) > exchange.LONGEST:
            self.kill("sent a line without end")

    def _take(self, message: exchange.FromWorker) -> None:
        match message:
            case Hello() if not self.hello.done():
                self.hello.set_result(message)
            case Pong():
                self._pinged = 0
            case Said():
                self.tainted |= message.tainted
                self.spent |= _is_spent(message)
                call = self._calls.get(message.id)
                if call is not None and not call.answer.done():
                    call.answer.set_result(message)
            case _:
                raise ValueError("a second hello")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.kill(self._why)
        if self._ticking is not None:
            self._ticking.cancel()
        self._burial = asyncio.ensure_future(self._bury())

    # -- its end

    def kill(self, why: str) -> None:
        """Kill it; its calls are answered with *why* once it is gone."""
        self.spent = True
        if self._pidfd is None:
            return
        self._why = why
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        if self._transport is not None:
            self._transport.abort()

    async def _bury(self) -> None:
        """Answer every call once the process is gone: nobody must do its work beside it."""
        if self._pidfd is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_END):
                    await processes.readable(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        why = await self._last_words()
        logger.info("the worker of plugin %s (pid %d) %s", self.plugin, self.pid, why)
        if not self.hello.done():
            self.hello.set_result(Lost(why, late=False))
        for call in self._calls.values():
            if not call.answer.done():
                call.answer.set_result(Lost(why, late=call.late))
        self.gone.set_result(None)

    async def _last_words(self) -> str:
        """Add how it ended, when it was not us."""
        if self._why != _DIED:
            return self._why
        code = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END):
                code = await self._ended
        if code is None:
            return self._why
        return f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _is_spent(said: Said) -> bool:
    heavy = said.memory > MEMORY_LIMIT or said.files > FILES_LIMIT
    return said.tainted or said.exhausted or heavy


async def _within(
    answer: asyncio.Future[Said | Lost], deadline: int, void: asyncio.Future[None] | None = None
) -> bool:
    """Wait for the answer until *deadline*, or until it is *void*; tell whether it is there."""
    left = max(0, deadline - clock.now()) / 1_000
    waits: set[asyncio.Future[Any]] = {answer} if void is None else {answer, void}
    await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    return answer.done()
