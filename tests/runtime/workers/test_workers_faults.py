"""Nobody suffers from the driver of another: calls are made again, workers replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from clpcore import api
from clpcore.model.actions import Activate, Driven, Observe, Probe
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime.workers import pool
from clpcore.runtime.workers.calls import Workers
from clpcore.runtime.workers.template import Template


class Cluster(Protocol):
    """What the fixture gives."""

    root: Path
    workers: Workers

    async def call(self, kind: type[Driven], name: str = ..., **words: Any) -> Outcome: ...  # noqa: ANN401
    async def pid(self) -> int: ...
    def named(self) -> list[int]: ...
    def lives(self, pid: int) -> bool: ...
    async def eventually(self, holds: Callable[[], object], seconds: float = 5) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]

_SCRIPT: Final = ("sh", "-c", "echo pid=$$; sleep 600 & echo pid=$!; wait")


def _soon(call: Coroutine[None, None, Outcome]) -> asyncio.Task[Outcome]:
    return asyncio.ensure_future(call)


# -- nobody suffers from another's driver


def test_a_driver_that_blocks_fails_no_other_call(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        blocked = asyncio.ensure_future(
            cluster.call(Activate, "bad", activate="block", timeout=60_000)
        )
        await asyncio.sleep(0.1)
        others = [cluster.call(Activate, f"r{n}", timeout=8_000) for n in range(5)]
        others += [cluster.call(Observe, f"r{n}", timeout=8_000) for n in range(5)]
        for outcome in await asyncio.gather(*others):
            assert outcome.verdict is Verdict.OK
        start = time.monotonic()
        assert (await cluster.call(Probe, "r1")).presence is api.Presence.ACTIVE
        assert time.monotonic() - start < 1
        assert not blocked.done()
        blocked.cancel()

    run(test)


def test_a_blocked_worker_is_killed_at_the_first_deadline(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        first = await cluster.pid()
        other = _soon(cluster.call(Activate, activate="nap,set"))
        await cluster.call(Activate, "bad", activate="block", timeout=100)
        assert not cluster.lives(first)
        assert (await other).verdict is Verdict.OK

    run(test)


@pytest.mark.parametrize("vice", ["leave", "crash"])
def test_a_driver_that_crashes_fails_no_other_call(run: Run, vice: str) -> None:
    async def test(cluster: Cluster) -> None:
        others = [cluster.call(Activate, f"r{n}", activate="nap,set") for n in range(6)]
        others += [cluster.call(Probe, f"r{n}") for n in range(6)]
        crashed, *answers = await asyncio.gather(
            cluster.call(Activate, "bad", activate=vice), *others
        )
        assert [outcome.verdict for outcome in answers] == [Verdict.OK] * 12
        assert crashed.verdict is Verdict.FAILED
        assert crashed.presence is api.Presence.INACTIVE
        died = "exited with 3" if vice == "leave" else "died of SIGSEGV"
        assert (
            crashed.detail == f"the worker of plugin faulty {died}; a probe then found it inactive"
        )

    run(test)


def test_a_look_that_crashes_says_nothing_of_its_target(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Observe, observe="crash")
        assert (outcome.verdict, outcome.observation) == (Verdict.FAILED, None)
        assert outcome.detail == "the worker of plugin faulty died of SIGSEGV"

    run(test)


def test_a_call_that_died_with_its_worker_is_made_again(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        assert (await cluster.call(Activate, activate="leave_once,set")).verdict is Verdict.OK
        assert (await cluster.call(Probe)).presence is api.Presence.ACTIVE

    run(test)


def test_workers_killed_in_the_middle_of_calls_lose_none(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        pid = await cluster.pid()
        calls = [_soon(cluster.call(Activate, f"r{n}", activate="nap,set")) for n in range(20)]
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert [outcome.verdict for outcome in await asyncio.gather(*calls)] == [Verdict.OK] * 20

    run(test)


def test_a_script_whose_worker_was_killed_does_not_run_beside_its_second_start(
    run: Run,
) -> None:
    async def test(cluster: Cluster) -> None:
        pid = await cluster.pid()
        call = asyncio.ensure_future(
            cluster.call(Activate, activate="log", argv=_SCRIPT, timeout=1_500)
        )
        await cluster.eventually(lambda: len(cluster.named()) == 2)
        os.kill(pid, signal.SIGKILL)
        await cluster.eventually(lambda: len(cluster.named()) == 4)
        assert [cluster.lives(pid) for pid in cluster.named()] == [False, False, True, True]
        await call
        assert not [pid for pid in cluster.named() if cluster.lives(pid)]

    run(test)


def test_many_calls_at_once(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        calls = [
            cluster.call(Activate, f"r{n}", activate="run,set", argv=["true"]) for n in range(150)
        ]
        calls += [cluster.call(Observe, f"r{n}") for n in range(150)]
        assert {outcome.verdict for outcome in await asyncio.gather(*calls)} == {Verdict.OK}
        assert await cluster.pid() == await cluster.pid()

    run(test)


def test_what_waits_in_the_queue_past_its_deadline_is_told_in_time(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_AT_ONCE", 1)

    async def test(cluster: Cluster) -> None:
        await cluster.workers.end_workers()  # its pools were made before the patch
        await cluster.call(Probe)
        first = _soon(cluster.call(Probe, "one", probe="doze", timeout=3_000))
        await asyncio.sleep(0)
        start = time.monotonic()
        outcome = await cluster.call(Probe, "two", timeout=200)
        assert time.monotonic() - start < 0.5
        assert outcome.verdict is Verdict.STALLED
        assert "had no time for the call before its deadline" in outcome.detail
        first.cancel()

    run(test)


# -- workers come and go


@pytest.mark.parametrize("vice", ["leak_memory", "leak_files", "leak_all_files"])
def test_a_worker_that_leaks_is_replaced(run: Run, vice: str) -> None:
    async def test(cluster: Cluster) -> None:
        first = await cluster.pid()
        long = _soon(cluster.call(Activate, "long", activate="nap,nap,set"))
        await asyncio.sleep(0.05)
        await cluster.call(Observe, observe=vice)
        assert await cluster.pid() != first
        assert cluster.lives(first)  # the long call is let finish
        assert (await long).verdict is Verdict.OK
        await cluster.eventually(lambda: not cluster.lives(first))

    run(test)


def test_a_worker_whose_driver_runs_on_is_replaced(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        first = await cluster.pid()
        looks = asyncio.ensure_future(
            cluster.call(Probe, "two", probe="nap_and_tell", timeout=9_000)
        )
        await cluster.call(Activate, activate="swallow", timeout=100)
        assert await cluster.pid() != first
        await cluster.eventually(lambda: not cluster.lives(first), seconds=0.3)
        assert (await looks).presence is api.Presence.INACTIVE  # asked again

    run(test)


def test_a_worker_with_a_library_that_hangs_is_replaced_after_the_call(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        first = await cluster.pid()
        outcome = await cluster.call(Activate, activate="hang_outside", timeout=100)
        assert outcome.detail.startswith("activate had not ended at its deadline")
        assert await cluster.pid() != first

    run(test)


def test_a_plugin_that_crashes_when_loaded_is_left_alone_for_a_while(
    run: Run,
) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Activate, type_="crashing")
        assert outcome.verdict is Verdict.FAILED
        assert outcome.detail == "plugin crashing cannot be loaded: its worker exited with 7"
        start = time.monotonic()
        outcomes = await asyncio.gather(*(cluster.call(Probe, type_="crashing") for _ in range(50)))
        assert time.monotonic() - start < 0.2
        assert {outcome.presence for outcome in outcomes} == {api.Presence.UNKNOWN}

    run(test)


def test_a_template_that_died_is_replaced(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        mine = Template.spawn()
        await cluster.workers.end_workers()
        cluster.workers._template = mine
        worker, first = await cluster.pid(), mine.pid
        os.kill(first, signal.SIGKILL)
        await cluster.eventually(lambda: not cluster.lives(worker))
        assert (await cluster.call(Activate)).verdict is Verdict.OK
        assert mine.pid != first
        await cluster.workers.close()

    run(test)


def test_nothing_blocks_the_loop_of_the_agent(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        late = 0.0

        async def beat() -> None:
            nonlocal late
            while True:
                start = time.monotonic()
                await asyncio.sleep(0.02)
                late = max(late, time.monotonic() - start - 0.02)

        beating = asyncio.ensure_future(beat())
        vices = ("block", "swallow", "leave", "leak_memory", "doze")
        calls = [
            cluster.call(Activate, f"{vice}{n}", activate=vice, timeout=400)
            for vice in vices
            for n in range(4)
        ]
        await asyncio.gather(*calls)
        beating.cancel()
        assert late < 0.25

    run(test)
