"""A monitor stops looking: what it keeps ends, and a look in flight starts nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from clpcore.model.actions import Driven, Observe, Rest
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime.driving import kept


class Cluster(Protocol):
    """See conftest.py."""

    root: Path

    async def call(self, kind: type[Driven], **settings: object) -> Outcome: ...
    def named(self) -> list[int]: ...
    def lives(self, pid: int) -> bool: ...
    async def eventually(self, holds: Callable[[], object]) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]


def _kept(cluster: Cluster) -> list[str]:
    folder = kept.folder(cluster.root / "run/clpcore", "g", "one")
    return [process.name for process in kept.living(folder)]


def test_what_a_monitor_keeps_ends_when_it_stops_looking(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        await cluster.call(Observe, observe="keep")
        assert _kept(cluster) == ["app"]
        for _ in range(2):
            assert await cluster.call(Rest) == Outcome(verdict=Verdict.OK)
            assert _kept(cluster) == []

    run(test)


def test_a_look_in_flight_starts_nothing_after_the_rest(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        look = asyncio.ensure_future(cluster.call(Observe, observe="run_then_keep"))
        await cluster.eventually(cluster.named)
        assert await cluster.call(Rest) == Outcome(verdict=Verdict.OK)
        assert (await look).verdict is Verdict.FAILED
        assert _kept(cluster) == []
        assert not any(map(cluster.lives, cluster.named()))

    run(test)
