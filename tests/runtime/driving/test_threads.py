"""Functions that block, in threads."""

from __future__ import annotations

import asyncio
import threading

import pytest

from clpcore.runtime.driving.threads import Threads


def test_what_it_gives_and_what_it_raises_come_through() -> None:
    async def go() -> None:
        threads = Threads("g/r")
        assert await threads.call(divmod, 7, 3) == (2, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.call(divmod, 7, 0)
        assert not threads.busy

    asyncio.run(go())


def test_a_bare_stop_iteration_ends_no_coroutine() -> None:
    async def go() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await Threads("g/r").call(next, iter(()))

    asyncio.run(go())


def test_the_loop_runs_on_meanwhile_and_a_thread_that_is_left_alone_counts_as_busy() -> None:
    async def go() -> None:
        threads, gate = Threads("g/left"), threading.Event()
        waiting = asyncio.ensure_future(threads.call(gate.wait, 10))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert threads.busy
        gate.set()
        (thread,) = (each for each in threading.enumerate() if each.name == "g/left")
        await asyncio.to_thread(thread.join, 5)
        assert not threads.busy

    asyncio.run(go())
