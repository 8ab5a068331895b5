"""A heartbeat path of a plugin, inside its worker: it carries frames until it fails."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import typing
from collections.abc import Sequence
from typing import Final, NoReturn

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving.perform import Drivers
from clpcore.runtime.driving.ports import LocalPorts
from clpcore.runtime.workers import exchange
from clpcore.runtime.workers.exchange import Frame, Open, Opened, Shut

logger = logging.getLogger(__name__)

_SEND: Final = 10.0  # seconds that a driver may take over one frame; then it is lost
_CLOSE: Final = 1.0  # seconds
_AT_ONCE: Final = 64  # frames handed on before the agent has a rest
_REST: Final = 0.01  # seconds


class HeartbeatPath:
    """The one path of this worker. For each other server only the newest frame waits."""

    def __init__(self, others: Sequence[str], writer: asyncio.StreamWriter) -> None:
        """Prepare; ``run`` does everything. *writer* leads to the agent."""
        self._writer = writer
        self._newest: dict[str, asyncio.Future[bytes]] = {}
        self._others = others

    def send(self, frame: str) -> None:
        """Let the next frame for every server be this one."""
        data = base64.b64decode(frame)
        for server in self._others:
            slot = self._slot(server)
            if slot.done():
                slot = self._newest[server] = asyncio.get_running_loop().create_future()
            slot.set_result(data)

    async def run(self, order: Open, drivers: Drivers, ports: LocalPorts) -> None:
        """Open the path and carry frames; when it does not work, say why: the agent ends us."""
        link: api.Link | None = None
        try:
            link = await _open(order, drivers, ports)
            self._say(Opened())
            await self._carry(link)
        except api.DriverError as error:
            self._say(Shut(str(error)))
        except Exception as error:
            logger.exception("%s: driver bug", order.type)
            self._say(Shut(f"driver bug: {type(error).__name__}: {error}"))
        finally:
            if link is not None:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(_CLOSE):
                        await link.close()
            await ports.close()

    async def _carry(self, link: api.Link) -> None:
        """Send and receive until one of them fails."""
        works = [self._receive(link), *(self._send_to(link, server) for server in self._others)]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_CLOSE)

    async def _send_to(self, link: api.Link, server: str) -> NoReturn:
        while True:
            frame = await self._slot(server)
            del self._newest[server]
            try:
                async with asyncio.timeout(_SEND):
                    await link.send(server, frame)
            except TimeoutError:
                logger.warning("a frame for %s was not taken within %g s", server, _SEND)

    async def _receive(self, link: api.Link) -> NoReturn:
        while True:
            for _ in range(_AT_ONCE):
                frame = await link.receive()
                if type(frame) is not bytes:
                    raise TypeError(f"receive gave {frame!r:.80}, which is no bytes")
                self._say(Frame(base64.b64encode(frame).decode()))
                await self._writer.drain()
            await asyncio.sleep(_REST)

    def _slot(self, server: str) -> asyncio.Future[bytes]:
        if server not in self._newest:
            self._newest[server] = asyncio.get_running_loop().create_future()
        return self._newest[server]

    def _say(self, word: exchange.FromWorker) -> None:
        self._writer.write(exchange.line(word))


async def _open(order: Open, drivers: Drivers, ports: LocalPorts) -> api.Link:
    driver = drivers.make(api.Kind.HEARTBEAT, order.type, order.settings)
    left = max(0, order.call.deadline - clock.now()) / 1_000
    try:
        async with asyncio.timeout(left):
            return await typing.cast("api.HeartbeatDriver", driver).open(order.call, ports)
    except TimeoutError:
        raise api.Failed("it was not open at its deadline") from None
