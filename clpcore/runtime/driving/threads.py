"""Functions of libraries that block, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


class Threads:
    """The threads of one call of a driver.

    A thread cannot be stopped from outside: a call that is over leaves it alone, and ``busy``
    tells that it still runs.
    """

    def __init__(self, about: str) -> None:
        """Name the threads after what the call is *about*."""
        self._about = about
        self._running: set[object] = set()

    async def call(self, function: Callable[..., _T], *args: object) -> _T:
        """Give what *function* gives, or raise what it raises."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[_T] = loop.create_future()
        token = object()

        def work() -> None:
            try:
                value = function(*args)
            except BaseException as error:  # noqa: BLE001 - it goes to the caller as it is
                self._running.discard(token)
                tell(result.set_exception, _told(error))
            else:
                self._running.discard(token)
                tell(result.set_result, value)

        def tell(settle: Callable[..., None], what: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody waits any more
                loop.call_soon_threadsafe(lambda: None if result.done() else settle(what))

        self._running.add(token)
        threading.Thread(target=work, name=self._about, daemon=True).start()
        return await result

    @property
    def busy(self) -> bool:
        """Tell whether one of them still runs."""
        return bool(self._running)


def _told(error: BaseException) -> BaseException:
    """Give *error* as a future takes it: StopIteration would end a coroutine silently."""
    return RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
