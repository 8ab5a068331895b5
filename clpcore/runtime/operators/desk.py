"""Work of milliseconds that changes nothing, off the loop: documents, reading the journal."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from clpcore.runtime import priority

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """One thread for all of it."""

    def __init__(self) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="desk", initializer=priority.raise_thread
        )

    async def do(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Give what *work* gives."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(work, *args, **kwargs))

    def close(self) -> None:
        """End the thread when its work is done."""
        self._pool.shutdown(wait=True, cancel_futures=True)
