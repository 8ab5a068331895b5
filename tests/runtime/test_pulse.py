"""Beats keep their schedule, measure their lateness, and survive what they call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from clpcore.runtime import pulse as pulse_module
from clpcore.runtime.pulse import Lateness, Pulse

Until = Callable[[Callable[[], object]], Awaitable[None]]


def test_beats_do_not_drift(until: Until) -> None:
    async def run() -> None:
        at: list[float] = []
        loop = asyncio.get_running_loop()

        def beat() -> None:
            at.append(loop.time())
            time.sleep(0.004)  # what a beat costs must not shift the next one

        pulse = Pulse(10, beat, beat)
        pulse.start()
        await until(lambda: len(at) >= 40)
        pulse.stop()
        # Every beat belongs to a moment of one schedule, however late single ones were.
        assert min((moment - at[0]) % 0.01 for moment in at[20:]) < 0.003

    asyncio.run(run())


def test_missed_beats_are_not_caught_up(until: Until) -> None:
    async def run() -> None:
        count = 0

        def beat() -> None:
            nonlocal count
            count += 1

        pulse = Pulse(10, beat, beat)
        pulse.start()
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is blocked
        before = count
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert count <= before + 1
        await until(lambda: count > before + 2)
        pulse.stop()
        assert pulse.lateness.worst > 150

    asyncio.run(run())


def test_news_is_sent_at_once_and_only_once(monkeypatch: pytest.MonkeyPatch, until: Until) -> None:
    monkeypatch.setattr(pulse_module, "_SOONEST", 0.02)

    async def run() -> None:
        calls: list[str] = []
        pulse = Pulse(10_000, lambda: calls.append("turn"), lambda: calls.append("news"))
        pulse.soon()  # not started: nothing is sent
        pulse.start()
        for _ in range(5):
            pulse.soon()
        await until(lambda: calls == ["turn", "news"])
        pulse.soon()
        await until(lambda: calls == ["turn", "news", "news"])
        assert pulse.lateness.beats == 0, "beats out of turn say nothing about lateness"
        pulse.soon()
        pulse.stop()
        await asyncio.sleep(0.05)
        assert len(calls) == 3

    asyncio.run(run())


def test_a_beat_that_raises_does_not_stop_the_others(until: Until) -> None:
    async def run() -> None:
        calls = 0

        def beat() -> None:
            nonlocal calls
            calls += 1
            raise RuntimeError("broken")

        pulse = Pulse(5, beat, beat)
        pulse.start()
        await until(lambda: calls > 3)
        pulse.stop()

    asyncio.run(run())


def test_lateness_is_counted_by_its_size() -> None:
    lateness = Lateness()
    for late in (0.0, 1.0, 1.1, 49.0, 5_000.0):
        lateness.add(late)
    counts = {edge: count for edge, count in lateness.document["up_to_ms"].items() if count}
    assert counts == {"1": 2, "2": 1, "50": 1, "more": 1}
    assert lateness.document["worst_ms"] == 5_000
