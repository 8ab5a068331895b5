"""A worker: the process that calls the drivers of one plugin."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import socket
from collections.abc import Coroutine, Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, NoReturn

import attrs

from clpcore import api, host
from clpcore.runtime.driving import kept
from clpcore.runtime.driving.path import HeartbeatPath
from clpcore.runtime.driving.perform import Drivers, perform
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers import exchange
from clpcore.runtime.workers.exchange import Ask, Carry, Do, Hello, Open, Ping, Pong, Said, Void
from clpcore.runtime.workers.limits import Limits
from clpcore.wire import values

logger = logging.getLogger(__name__)

_PAGE: Final = resource.getpagesize()


def main(end: socket.socket, plugin: str, root: Path, plugins: Iterable[EntryPoint]) -> NoReturn:
    """Serve the agent at the other side of *end* until it closes it; never returns."""
    gc.enable()
    limits = Limits.tighten()
    registry = host.load_one(plugin, plugins)
    asyncio.run(_serve(end, registry, _warm_up(registry), Root(root), limits))
    os._exit(0)


def _warm_up(registry: host.Registry) -> str:
    """Let the drivers import what is heavy; say why one of them cannot, empty: all have."""
    for spec in registry.specs.values():
        try:
            spec.warm_up()
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # a stranger's code
            logger.exception("%s cannot warm up", spec.name)
            return f"{spec.name} cannot warm up: {type(error).__name__}: {error}"
    return ""


async def _serve(
    end: socket.socket, registry: host.Registry, cold: str, root: Root, limits: Limits
) -> NoReturn:
    reader, writer = await asyncio.open_unix_connection(sock=end, limit=exchange.LONGEST)
    reasons = [f"{one.reason}. {one.remedy}" for one in registry.refused]
    refused = "; ".join(filter(None, (*reasons, cold)))
    writer.write(exchange.line(Hello(refused)))
    worker = _Worker(writer, Drivers(registry), root, limits)
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            worker.hear(values.from_json(line.decode(), exchange.ToWorker))
    # Not by returning: a driver that swallows its cancellation would hold the loop open.
    os._exit(0)


class _Worker:
    def __init__(
        self, writer: asyncio.StreamWriter, drivers: Drivers, root: Root, limits: Limits
    ) -> None:
        self._writer = writer
        self._drivers = drivers
        self._root = root
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        self._voids: dict[int, asyncio.Future[None]] = {}  # by call in flight
        self._path: HeartbeatPath | None = None
        self._looks: dict[str, tuple[LocalPorts, ...]] = {}  # in flight, by monitor

    def hear(self, message: exchange.ToWorker) -> None:
        match message:
            case Ping():
                self._writer.write(exchange.line(Pong()))
            case Ask():
                self._begin(self._answer(message))
            case Void(ident):
                void = self._voids.get(ident)
                if void is not None and not void.done():
                    void.set_result(None)
            case Open():
                self._path = HeartbeatPath(message.others, self._writer)
                folders = Folders.of_entry(self._root, message.call, api.Kind.HEARTBEAT, "open")
                ports = LocalPorts(message.call, folders, self._limits)
                self._begin(self._path.run(message, self._drivers, ports))
            case Carry(frame):
                if self._path is not None:
                    self._path.send(frame)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, ask: Ask) -> None:
        ports = LocalPorts(ask.call, self._folders(ask), self._limits)
        void = self._voids[ask.id] = asyncio.get_running_loop().create_future()
        if ask.do is Do.REST:  # a look in flight would start again what this one ends
            for looking in self._looks.get(ask.call.monitor, ()):
                await looking.close()
        with self._looking(ask, ports):
            outcome, tainted = await perform(ask, self._drivers, ports, void)
        del self._voids[ask.id]
        said = Said(id=ask.id, outcome=outcome, tainted=tainted)
        try:
            said = attrs.evolve(
                said,
                kept=kept.living(self._folders(ask).kept) if ask.do.keeps else (),
                memory=_memory(),
                files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a count
            )
        except (OSError, MemoryError):  # a driver has used up descriptors or memory
            said = attrs.evolve(said, exhausted=True)
        self._writer.write(exchange.line(said))

    def _folders(self, ask: Ask) -> Folders:
        if ask.call.entry:
            return Folders.of_entry(self._root, ask.call, ask.do.kind, ask.method)
        return Folders.of(self._root, ask.call, hook=ask.do is Do.HOOK)

    @contextlib.contextmanager
    def _looking(self, ask: Ask, ports: LocalPorts) -> Iterator[None]:
        """Know the ports of a look as long as it is in flight."""
        if ask.do is not Do.OBSERVE:
            yield
            return
        monitor = ask.call.monitor
        self._looks[monitor] = (*self._looks.get(monitor, ()), ports)
        try:
            yield
        finally:
            self._looks[monitor] = tuple(each for each in self._looks[monitor] if each is not ports)


def _memory() -> int:
    """Give how much memory this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
