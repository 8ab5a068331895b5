"""A worker: the process that calls the drivers of one plugin."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import socket
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final, NoReturn

import attrs

from clpcore import host
from clpcore.runtime.driving import kept
from clpcore.runtime.driving.perform import Drivers, perform
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers import exchange
from clpcore.runtime.workers.exchange import Ask, Do, Hello, Ping, Pong, Said
from clpcore.runtime.workers.limits import Limits
from clpcore.wire import values

logger = logging.getLogger(__name__)

_PAGE: Final = resource.getpagesize()


def main(end: socket.socket, plugin: str, root: Path, plugins: Iterable[EntryPoint]) -> NoReturn:
    """Serve the agent at the other side of *end* until it closes it; never returns."""
    gc.enable()
    limits = Limits.tighten()
    registry = host.load_one(plugin, plugins)
    asyncio.run(_serve(end, registry, Root(root), limits))
    os._exit(0)


async def _serve(
    end: socket.socket, registry: host.Registry, root: Root, limits: Limits
) -> NoReturn:
    reader, writer = await asyncio.open_unix_connection(sock=end, limit=exchange.LONGEST)
    refused = "; ".join(f"{one.reason}. {one.remedy}" for one in registry.refused)
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
        self._calls: set[asyncio.Task[None]] = set()

    def hear(self, message: exchange.ToWorker) -> None:
        if isinstance(message, Ping):
            self._writer.write(exchange.line(Pong()))
            return
        call = asyncio.ensure_future(self._answer(message))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _answer(self, ask: Ask) -> None:
        folders = Folders.of(self._root, ask.call, hook=ask.do is Do.HOOK)
        ports = LocalPorts(ask.call, folders, self._limits)
        outcome, tainted = await perform(ask, self._drivers, ports)
        said = Said(id=ask.id, outcome=outcome, tainted=tainted)
        try:
            said = attrs.evolve(
                said,
                kept=() if ask.do in {Do.OBSERVE, Do.HOOK} else kept.living(folders.kept),
                memory=_memory(),
                files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a count
            )
        except (OSError, MemoryError):  # a driver has used up descriptors or memory
            said = attrs.evolve(said, exhausted=True)
        self._writer.write(exchange.line(said))


def _memory() -> int:
    """Give how much memory this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
