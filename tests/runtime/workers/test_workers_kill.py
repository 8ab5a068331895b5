"""Killing a group: its processes, its calls, and nothing of another group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from clpcore import api
from clpcore.model.actions import Activate, Deactivate, Driven
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime.workers import pool as pool_module
from clpcore.runtime.workers.calls import Workers


class Cluster(Protocol):
    """What the fixture gives; its resources are of group g."""

    root: Path
    workers: Workers
    kept: list[tuple[str, str, tuple[api.Process, ...]]]

    async def call(self, kind: type[Driven], name: str = ..., **words: Any) -> Outcome: ...  # noqa: ANN401
    def named(self) -> list[int]: ...
    def lives(self, pid: int) -> bool: ...
    async def eventually(self, holds: Callable[[], object], seconds: float = 5) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]

# All of them ignore SIGTERM: the script itself, a child of it, and one that left its session.
_STUBBORN: Final = (
    "sh",
    "-c",
    "trap '' TERM; echo pid=$$; sleep 600 & echo pid=$!; wait",
)
_DAEMON: Final = (
    "sh",
    "-c",
    "trap '' TERM; setsid sh -c 'echo pid=$$; while :; do sleep 600; done' & sleep 0.2",
)


def test_kept_processes_and_daemons_are_killed_whatever_they_ignore(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        await cluster.call(Activate, "kept", activate="keep", argv=_STUBBORN)
        await cluster.call(Activate, "daemon", activate="log", argv=_DAEMON)
        await cluster.eventually(lambda: len(cluster.named()) == 1)
        pids = [*cluster.named(), *(one.pid for _, _, found in cluster.kept for one in found)]
        assert len(pids) == 2
        assert all(map(cluster.lives, pids))
        begun = time.monotonic()
        await cluster.workers.kill("g")
        assert not any(map(cluster.lives, pids))
        assert time.monotonic() - begun < 1

    run(test)


def test_a_call_in_flight_is_called_off_with_its_commands(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        call = cluster.call(Deactivate, "one", deactivate="log,set", argv=_STUBBORN)
        stopping = asyncio.ensure_future(call)
        await cluster.eventually(lambda: len(cluster.named()) == 2)
        begun = time.monotonic()
        await cluster.workers.kill("g")
        assert not any(map(cluster.lives, cluster.named()))
        outcome = await stopping
        assert time.monotonic() - begun < 3
        # It went on to none of its next steps, and a probe tells how that left the resource.
        assert not (cluster.root / "run/clpcore/resources/g/one/state").exists()
        assert outcome.detail.startswith("deactivate had not ended when it was called off")
        assert outcome.presence is api.Presence.INACTIVE

    run(test)


def test_a_call_that_waits_for_its_turn_is_not_begun_any_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "_AT_ONCE", 1)

    async def test(cluster: Cluster) -> None:
        calls = [
            asyncio.ensure_future(cluster.call(Activate, "one", activate="log", argv=_STUBBORN)),
            asyncio.ensure_future(cluster.call(Activate, "two", activate="set")),
        ]
        await cluster.eventually(lambda: len(cluster.named()) == 2)
        await cluster.workers.kill("g")
        first, second = await asyncio.gather(*calls)
        assert "when it was called off" in first.detail
        assert "had not begun the call when it was called off" in second.detail
        assert not (cluster.root / "run/clpcore/resources/g/two/state").exists()
        assert (await cluster.call(Activate, "two", activate="set")).verdict is Verdict.OK

    run(test)


def test_a_worker_that_is_blocked_in_the_call_is_killed_with_it(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        calling = asyncio.ensure_future(cluster.call(Activate, "one", activate="block"))
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        await cluster.workers.kill("g")
        outcome = await calling
        assert outcome.verdict is Verdict.FAILED
        assert "was blocked by a driver and had to be killed" in outcome.detail
        assert time.monotonic() - begun < 3

    run(test)


def test_another_group_is_left_alone(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        await cluster.call(Activate, "kept", activate="keep", argv=_STUBBORN)
        pids = [one.pid for _, _, found in cluster.kept for one in found]
        for other in ("h", "", "gg"):
            await cluster.workers.kill(other)
        assert pids
        assert all(map(cluster.lives, pids))

    run(test)
