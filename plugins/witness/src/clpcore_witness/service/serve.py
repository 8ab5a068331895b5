"""The running service: its parts put together, signals, and the words to systemd."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from clpcore_witness.service import config as configured
from clpcore_witness.service.arbiter import Arbiter
from clpcore_witness.service.config import Config, Wrong
from clpcore_witness.service.connections import Connections
from clpcore_witness.service.desk import Desk
from clpcore_witness.service.frames import Frames
from clpcore_witness.service.ledger import Ledger
from clpcore_witness.service.visits import Visits

logger = logging.getLogger(__name__)

_SWEEP: Final = 1.0  # seconds
_FORGET: Final = 10  # sweeps between two looks for what is over
_GARBAGE: Final = (50_000, 20, 100)  # a look at everything takes 100 ms with 8,000 connections
_LINES: Final = 10  # of the log for what is not taken, between two of those looks


def clock() -> int:
    """Give ms since boot, suspended time included: a lease must not outlive a pause."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class Service:
    """A witness that listens. Make it inside a running loop."""

    def __init__(self, config: Config, clock: Callable[[], int] = clock) -> None:
        """Read keys, certificate and state, and bind the addresses.

        Raises:
            Wrong: something of the configuration cannot be used.
            Unusable: the state cannot.

        """
        self._config = config
        self._notes = 0
        self._visits = Visits(clock)
        self._visits.accept(configured.keys(config.keys))
        context = configured.context(config)
        with contextlib.ExitStack() as stack:
            sockets = self._bind(stack)
            self._ledger = Ledger(config.state)
            stack.callback(self._ledger.close)
            frames = Frames(clock, config.expire, os.urandom(8).hex())
            arbiter = Arbiter(self._ledger, clock)
            self.desk = Desk(self._visits, frames, arbiter, self._note)
            stack.pop_all()
        self._connections = Connections(self.desk.handle, clock, config.strangers)
        self._connections.context = context
        self.addresses = [one.getsockname()[:2] for one, _ in sockets]
        for listening, tls in sockets:
            self._connections.listen(listening, tls=tls)

    def _bind(self, stack: contextlib.ExitStack) -> list[tuple[socket.socket, bool]]:
        problems, sockets = [], []
        both = [(one, False) for one in self._config.listen]
        both += [(one, True) for one in self._config.listen_tls]
        for (host, port), tls in both:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            one = stack.enter_context(socket.socket(family))
            try:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind((host, port))
            except OSError as error:
                problems.append(f"listen {host} port {port}: {error.strerror}. Choose another one")
            sockets.append((one, tls))
        if problems:
            raise Wrong(problems)
        return sockets

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until *stop*."""
        try:
            while not stop.is_set():
                for _ in range(_FORGET):
                    self._connections.sweep()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _SWEEP)
                        break
                self.desk.sweep()
                self._unnote()
        finally:
            await self._connections.close()
            while (settled := self._ledger.settled) is not None:
                await asyncio.wait({settled})
            self._ledger.close()

    def reload(self, file: Path) -> None:
        """Read keys and certificate anew; what is wrong is told, and all stays as it was."""
        try:
            config = configured.load(file)
            keys, context = configured.keys(config.keys), configured.context(config)
        except Wrong as wrong:
            logger.error("not reloaded, all stays as it was:\n%s", wrong)  # noqa: TRY400 - no bug
            return
        self._visits.accept(keys)
        if context is not None:
            self._connections.context = context
        changed = [
            name
            for name in ("listen", "listen_tls", "state", "expire", "strangers")
            if getattr(config, name) != getattr(self._config, name)
        ]
        if changed:
            logger.warning("%s changes with a restart only", ", ".join(changed))
        logger.info("reloaded: %d keys", len(keys))

    def _note(self, text: str) -> None:
        """Log what was refused, a few lines at a time."""
        self._notes += 1
        if self._notes <= _LINES:
            logger.warning("%s", text)

    def _unnote(self) -> None:
        if self._notes > _LINES:
            logger.warning("%d more were refused", self._notes - _LINES)
        self._notes = 0


async def serve(file: Path, config: Config) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
    gc.set_threshold(*_GARBAGE)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    service = Service(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, service.reload, file)
    for host, port in service.addresses:
        logger.info("listens on %s port %d", host, port)
    _tell_systemd("READY=1")
    await service.run(stop)


def _tell_systemd(word: str) -> None:
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, contextlib.suppress(OSError):
            told.sendto(word.encode(), "\0" + address[1:] if address[0] == "@" else address)
