"""The agent's side of the template: asks it for workers, and replaces it when it has died."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
from pathlib import Path
from typing import Final

import attrs

from clpcore.runtime.driving import processes
from clpcore.runtime.workers import exchange, nursery
from clpcore.wire import values

logger = logging.getLogger(__name__)

_PACKET: Final = 64 * 1024


class NoWorker(Exception):
    """A worker could not be forked; says why."""


@attrs.frozen(eq=False)
class Born:
    """A worker that has just been forked.

    Attributes:
        pid: for people; it may be given away once the worker has ended.
        pidfd: the same process for ever; whoever has this closes it.
        line: our end of the socket to it.
        ended: becomes its exit code (minus a signal's number), None if nobody can tell.

    """

    pid: int
    pidfd: int
    line: socket.socket
    ended: asyncio.Future[int | None]


@attrs.define(eq=False)
class Template:
    """The template process. ``start`` forks it; everything else needs the running loop."""

    pid: int
    _control: socket.socket
    _pidfd: int
    _listening: bool = False
    _ids: itertools.count[int] = attrs.field(factory=itertools.count)
    _asked: dict[int, asyncio.Future[tuple[int, int]]] = attrs.field(factory=dict)
    _ends: dict[int, asyncio.Future[int | None]] = attrs.field(factory=dict)

    @classmethod
    def start(cls) -> Template:
        """Fork the template; the first thing that an agent does, as long as it has one thread."""
        return cls._of(*nursery.start())

    @classmethod
    def spawn(cls) -> Template:
        """Start a template as a new program, when there may be threads."""
        return cls._of(*nursery.spawn())

    @classmethod
    def _of(cls, pid: int, control: socket.socket) -> Template:
        control.setblocking(False)
        return cls(pid, control, os.pidfd_open(pid))

    async def worker(self, plugin: str, root: Path) -> Born:
        """Fork a worker for *plugin* that works below *root*.

        Raises:
            NoWorker: there is none to be had now.

        """
        self._listen()
        ident = next(self._ids)
        ours, its = socket.socketpair()
        asked = asyncio.get_running_loop().create_future()
        ended = asyncio.get_running_loop().create_future()
        self._asked[ident], self._ends[ident] = asked, ended
        try:
            with its:
                order = values.to_json(exchange.Fork(ident, plugin, str(root))).encode()
                socket.send_fds(self._control, [order], [its.fileno()])
            pid, pidfd = await asked
        except BaseException as error:
            ours.close()
            self._ends.pop(ident, None)
            if asked.done() and not asked.cancelled() and not asked.exception():
                os.close(asked.result()[1])  # it came in the moment of our cancellation
            if isinstance(error, OSError):
                raise NoWorker(f"the template does not take orders: {error.strerror}") from error
            raise
        finally:
            self._asked.pop(ident, None)
        return Born(pid, pidfd, ours, ended)

    async def close(self) -> None:
        """End the template and, by the kernel's doing, all its workers."""
        if self._control.fileno() >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            await processes.readable(self._pidfd)
            self._bury()

    def _listen(self) -> None:
        """Hear the template from now on; start a new one if there is none."""
        loop = asyncio.get_running_loop()
        if self._control.fileno() < 0:
            self.pid, self._control = nursery.spawn()
            self._control.setblocking(False)
            self._pidfd = os.pidfd_open(self.pid)
            self._listening = False
        if not self._listening:
            self._listening = True
            loop.add_reader(self._control, self._hear)
            loop.add_reader(self._pidfd, self._mourn)

    def _mourn(self) -> None:
        logger.error("the template of the workers has died; the next worker gets a new one")
        self._hear()
        self._bury()

    def _bury(self) -> None:
        """The process has ended: give back all that was its, and answer whoever waits for it."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._control)
        loop.remove_reader(self._pidfd)
        processes.reap(self.pid)
        os.close(self._pidfd)
        self._control.close()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(NoWorker("the template of the workers has died"))
        for ended in self._ends.values():
            if not ended.done():
                ended.set_result(None)
        self._ends.clear()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while True:
                packet, fds, _, _ = socket.recv_fds(self._control, _PACKET, 1)
                if not packet:  # it has ended; its pidfd will say so
                    asyncio.get_running_loop().remove_reader(self._control)
                    return
                self._take(values.from_json(packet.decode(), exchange.FromTemplate), fds)

    def _take(self, message: exchange.FromTemplate, fds: list[int]) -> None:
        asked = self._asked.get(message.id)
        match message:
            case exchange.Forked(_, pid) if asked and not asked.done():
                asked.set_result((pid, fds[0]))
                return
            case exchange.NotForked(_, reason) if asked and not asked.done():
                asked.set_exception(NoWorker(f"no worker could be forked: {reason}"))
            case exchange.Ended(ident, code):
                ended = self._ends.pop(ident, None)
                if ended and not ended.done():
                    ended.set_result(code)
        for fd in fds:  # nobody waits for it any more
            os.close(fd)
