"""One call of a driver in a world: its deadline, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeAlias, TypeVar

import attrs

from clpcore import api
from clpcore.testing import effects
from clpcore.testing.clock import Loop
from clpcore.testing.faults import Plan
from clpcore.testing.ports import Enough, Port, WorldPorts
from clpcore.testing.world import Unscripted, World

_T = TypeVar("_T")

AFTERMATH: Final = 1_000  # ms that a cancelled call may take to end, as in the runtime
NOTHING_WRONG: Final = Plan(-1)

Act: TypeAlias = Callable[[api.Ports], Awaitable[_T]]


@attrs.frozen(kw_only=True)
class Ended(Generic[_T]):
    """How a call ended.

    *value* when it returned, *error* when it raised; neither when it *stalled* (deadline passed).
    *goes_on*: it had not ended when it was cancelled and had had its time. *caught*: it returned
    all the same. *shown*: every text that people may read. *past*: effects past the ports.
    """

    value: _T | None = None
    error: BaseException | None = None
    stalled: bool = False
    goes_on: bool = False
    caught: bool = False
    took: int = 0
    ports: tuple[Port, ...] = ()
    shown: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    unclosed: tuple[int, ...] = ()

    @property
    def returned(self) -> bool:
        """Tell whether it came back by itself, with a value."""
        return self.error is None and not self.stalled

    @property
    def how(self) -> str:
        """Say how it ended."""
        if self.stalled:
            return "had not ended at its deadline"
        if self.error is not None:
            return f"raised {type(self.error).__name__}: {self.error}"
        return f"returned {self.value!r:.200}" if self.value is not None else "returned"


def play(world: World, call: api.Call, act: Act[_T], plan: Plan = NOTHING_WRONG) -> Ended[_T]:
    """Let a driver act in the world until it ends, or for a second after it was cancelled."""
    loop = Loop(world)
    try:
        return loop.run_until_complete(_perform(world, call, act, plan))
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001 - it is told
        loop.close()


async def _perform(world: World, call: api.Call, act: Act[_T], plan: Plan) -> Ended[_T]:
    began = world.clock
    ports = WorldPorts(world, call, plan)
    with effects.watched() as past:
        task = asyncio.ensure_future(_guarded(act, ports))
        cancel = asyncio.ensure_future(ports.cancel.wait())
        left = max(0, call.deadline - world.clock) / 1_000
        await asyncio.wait({task, cancel}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        stalled = not task.done()
        if stalled:
            ports.revoke()
            task.cancel()
            await asyncio.wait({task}, timeout=AFTERMATH / 1_000)
        cancel.cancel()
    value, error = task.result() if task.done() and not task.cancelled() else (None, None)
    if isinstance(error, Unscripted):
        raise error
    return Ended(
        value=value,
        error=error,
        stalled=stalled,
        goes_on=not task.done() or isinstance(error, Enough),
        caught=stalled and task.done() and not task.cancelled() and error is None,
        took=world.clock - began,
        ports=tuple(ports.made),
        shown=(*ports.shown, *_texts(error), *_texts(value)),
        past=tuple(past),
        unclosed=tuple(world.forget_descriptors()),
    )


async def _guarded(act: Act[_T], ports: WorldPorts) -> tuple[_T | None, BaseException | None]:
    """Give what came of it as a value: only the cancellation gets out."""
    try:
        return await act(ports), None
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, error
    except BaseException as error:  # noqa: BLE001 - whatever it is, the kit tells it
        return None, error


def _texts(told: object) -> list[str]:
    """Give what of an error, its causes or an answer people read."""
    texts: list[str] = []
    if isinstance(told, api.Observation):
        texts.append(told.sentence)
    while isinstance(told, BaseException):
        texts.append(str(told))
        told = told.__cause__ or told.__context__
    return texts
