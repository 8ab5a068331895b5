"""The workers of one plugin: one that all calls share, and fresh ones for calls asked again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import attrs

from clpcore.runtime import clock
from clpcore.runtime.workers.attached import Attached, Lost
from clpcore.runtime.workers.exchange import Ask, Hello, Said
from clpcore.runtime.workers.template import NoWorker, Template

logger = logging.getLogger(__name__)

# Calls at once; others queue. Looks have a lane of their own: changes can take half an hour.
_AT_ONCE: Final = 64  # in the shared worker
_ALONE: Final = 8  # each in a worker of its own
_START: Final = 15.0  # seconds to load a plugin; a cloud SDK takes some
_TRIES: Final = 3
_PAUSES: Final = (0.1, 0.4)  # seconds before the second and the third try
_BACK_OFF: Final = (1_000, 2_000, 5_000, 10_000, 30_000)  # ms after that, for all calls
_LEFT_NO_TIME: Final = Lost("had no time for the call before its deadline", late=True)
_CALLED_OFF: Final = Lost("had not begun the call when it was called off", late=True)


class CannotServe(Exception):
    """The plugin has no worker: it is refused, or crashes when it is loaded; says why."""


@attrs.frozen
class _Lanes:
    """Where calls wait for their turn."""

    changes: asyncio.Semaphore
    looks: asyncio.Semaphore

    @classmethod
    def of(cls, size: int) -> _Lanes:
        return cls(asyncio.Semaphore(size), asyncio.Semaphore(size))

    @contextlib.asynccontextmanager
    async def turn(self, ask: Ask) -> AsyncIterator[bool]:
        """Wait in line until the call's deadline at most; tell whether its turn has come."""
        lane = self.changes if ask.do.changes else self.looks
        try:
            async with asyncio.timeout(_left(ask.call.deadline)):
                await lane.acquire()
        except TimeoutError:
            yield False
            return
        try:
            yield True
        finally:
            lane.release()


@attrs.define(eq=False)
class Pool:
    """Hands calls to workers of *plugin*, forking and replacing these as needed."""

    plugin: str
    _template: Template
    _root: Path
    _shared: Attached | None = None
    _workers: set[Attached] = attrs.field(factory=set)
    _starting: asyncio.Future[None] | None = None
    _together: _Lanes = attrs.field(factory=lambda: _Lanes.of(_AT_ONCE))
    _alone: _Lanes = attrs.field(factory=lambda: _Lanes.of(_ALONE))
    _voided: dict[str, int] = attrs.field(factory=dict)
    _failed: int = 0
    _trouble: str = ""
    _not_before: int = 0

    async def ask(self, ask: Ask) -> Said | Lost:
        """Let the shared worker make the call.

        Raises:
            CannotServe: there is no worker to be had.

        """
        async with self._together.turn(ask) as has_turn:
            worker = await self._common(ask.call.deadline) if has_turn else None
            if worker is None:
                return _LEFT_NO_TIME
            if self._is_void(ask):
                return _CALLED_OFF
            try:
                return await worker.ask(ask, watched=True)
            finally:
                self._tidy(worker)

    async def load(self, patience: int) -> None:
        """See that the shared worker has loaded the plugin, in *patience* ms at most.

        Raises:
            CannotServe: there is no worker to be had.

        """
        await self._common(clock.now() + patience)

    async def ask_alone(self, ask: Ask) -> Said | Lost:
        """Let a fresh worker make this call and no other, so that a crash is certainly its own.

        Raises:
            CannotServe: there is no worker to be had.

        """
        async with self._alone.turn(ask) as has_turn:
            if not has_turn:
                return _LEFT_NO_TIME
            try:
                async with asyncio.timeout(_left(ask.call.deadline)):
                    worker = await self._start()
            except TimeoutError:
                return _LEFT_NO_TIME
            try:
                if self._is_void(ask):
                    return _CALLED_OFF
                return await worker.ask(ask, watched=False)
            finally:
                self._end(worker)

    def void(self, group: str, upto: int) -> None:
        """Call off what was asked for running *group*, by ids below *upto*, begun or waiting."""
        self._voided[group] = upto
        for worker in self._workers:
            worker.void(group)

    def _is_void(self, ask: Ask) -> bool:
        group = ask.call.group
        return ask.serves(group) and ask.id < self._voided.get(group, 0)

    async def close(self) -> None:
        """Kill all workers and see them gone; calls in flight are answered as lost."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        workers = tuple(self._workers)
        for worker in workers:
            worker.kill("was ended with the agent")
        await asyncio.gather(*(worker.gone for worker in workers))

    # -- replacing workers

    def _tidy(self, worker: Attached) -> None:
        """Replace a worker that is spent; end it when nothing is lost by that.

        What still looks is asked again elsewhere; what changes something is let finish.
        """
        if not worker.spent:
            return
        if self._shared is worker:
            self._shared = None
        if worker.idle or (worker.tainted and worker.only_looks):
            self._end(worker)

    def _end(self, worker: Attached) -> None:
        worker.kill("was replaced")

    # -- starting workers

    async def _common(self, deadline: int) -> Attached | None:
        """Give the shared worker, None if it does not start before the deadline."""
        while _left(deadline) > 0:
            if self._shared is not None:
                self._tidy(self._shared)
            if self._shared is not None:
                return self._shared
            if self._starting is None or self._starting.done():
                self._starting = asyncio.ensure_future(self._start_shared())
                self._starting.add_done_callback(_take_note)
            await asyncio.wait({self._starting}, timeout=_left(deadline))
            if self._starting.done():
                self._starting.result()
        return None

    async def _start_shared(self) -> None:
        self._shared = await self._start()

    async def _start(self) -> Attached:
        """Give a worker that has loaded the plugin; when it crashes thrice, leave it a while."""
        for attempt in range(_TRIES):
            if clock.now() < self._not_before:
                break
            if attempt:
                await asyncio.sleep(_PAUSES[attempt - 1])
            if (worker := await self._try_to_start()) is not None:
                self._failed = 0
                return worker
        else:
            self._leave_a_while()
        raise CannotServe(self._trouble)

    async def _try_to_start(self) -> Attached | None:
        try:
            born = await self._template.worker(self.plugin, self._root)
        except NoWorker as error:
            self._trouble = str(error)
            return None
        worker = await Attached.attach(self.plugin, born)
        self._workers = {each for each in self._workers if not each.gone.done()} | {worker}
        try:
            await asyncio.wait({worker.hello}, timeout=_START)
        finally:
            fit = worker.hello.done() and worker.hello.result() == Hello()
            if not fit:
                self._end(worker)
        if fit:
            return worker
        match worker.hello.result() if worker.hello.done() else None:
            case Hello(refused=reason):
                self._trouble = f"plugin {self.plugin} is refused: {reason}"
                self._leave_a_while()
            case Lost(why):
                self._trouble = f"plugin {self.plugin} cannot be loaded: its worker {why}"
            case None:
                self._trouble = f"plugin {self.plugin} had not loaded after {_START:g} s"
        return None

    def _leave_a_while(self) -> None:
        pause = _BACK_OFF[min(self._failed, len(_BACK_OFF) - 1)]
        self._failed += 1
        self._not_before = clock.now() + pause
        logger.error("%s; the next try is in %g s", self._trouble, pause / 1_000)


def _left(deadline: int) -> float:
    """Give the seconds until then."""
    return max(0, deadline - clock.now()) / 1_000


def _take_note(starting: asyncio.Future[None]) -> None:
    """Look at the exception: those who waited for the start may have run out of time."""
    if not starting.cancelled():
        starting.exception()
