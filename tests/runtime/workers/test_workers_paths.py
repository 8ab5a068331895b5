"""A heartbeat path in a worker of its own: frames both ways, and its end is nobody else's."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import pytest

from clpcore import api
from clpcore.model.actions import Driven, Probe
from clpcore.model.inputs import Outcome
from clpcore.model.members import Heartbeat
from clpcore.model.states import Verdict
from clpcore.runtime.workers import paths
from clpcore.runtime.workers.calls import Workers
from clpcore.runtime.workers.paths import NoPath, WorkerPath


class Cluster(Protocol):
    """What the fixture gives."""

    workers: Workers

    async def call(self, kind: type[Driven], name: str = ..., **words: Any) -> Outcome: ...  # noqa: ANN401
    async def eventually(self, holds: Callable[[], object], seconds: float = 5) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]

CALL: Final = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=0,
    server="node1",
    home="",
    previous="",
    group="",
    resource="",
    entry="hb1",
)


async def opened(
    cluster: Cluster, heard: list[bytes], does: str = "echo", type_: str = "faultyhb"
) -> WorkerPath:
    heartbeat = Heartbeat(name="hb1", type=type_, settings={"does": does})
    return await cluster.workers.open_path(heartbeat, CALL, ("node2", "node3"), heard.append)


def test_a_frame_goes_to_every_other_server_and_frames_come_back(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        heard: list[bytes] = []
        path = await opened(cluster, heard)
        path.send(b"\0one\n\xff")
        await cluster.eventually(lambda: len(heard) == 2)
        assert sorted(heard) == [b"node2|\0one\n\xff", b"node3|\0one\n\xff"]
        path.close()
        assert path.ended.result() == "it was closed"

    run(test)


def test_a_slow_path_sends_the_newest_frame_and_queues_none(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        heard: list[bytes] = []
        path = await opened(cluster, heard, "slow")
        for number in range(50):
            path.send(b"%d" % number)
            await asyncio.sleep(0.005)
        await cluster.eventually(lambda: b"node2|49" in heard)
        assert len([frame for frame in heard if frame.startswith(b"node2")]) <= 4
        path.close()

    run(test)


def test_a_worker_that_reads_nothing_is_not_waited_for_and_then_killed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_SILENT_MS", 300)

    async def test(cluster: Cluster) -> None:
        heard: list[bytes] = []
        path = await opened(cluster, heard)
        path.send(b"block")
        begun, slowest = time.monotonic(), 0.0
        while not path.ended.done():
            before = time.monotonic()
            path.send(b"x" * 60_000)
            slowest = max(slowest, time.monotonic() - before)
            assert time.monotonic() - begun < 5
            await asyncio.sleep(0.01)
        assert path.ended.result() == "its worker was blocked by the driver"
        assert slowest < 0.05
        assert len(path._unsent) + len(path._next) < 200_000
        assert (await cluster.call(Probe)).verdict is Verdict.OK

    run(test)


@pytest.mark.parametrize(
    ("does", "frame", "why"),
    [
        ("fail", b"fail", "the moon is in the way"),
        ("echo", b"leave", "its worker died"),
    ],
)
def test_a_path_that_fails_says_why(run: Run, does: str, frame: bytes, why: str) -> None:
    async def test(cluster: Cluster) -> None:
        path = await opened(cluster, [], does)
        path.send(frame)
        async with asyncio.timeout(5):
            assert await path.ended == why

    run(test)


@pytest.mark.parametrize(
    ("does", "type_", "why"),
    [
        ("shut", "faultyhb", "there is no moon"),
        ("echo", "strange", "no plugin on this server drives heartbeat type strange"),
        ("echo", "refused", "its plugin is refused: it implements no hook"),
    ],
)
def test_a_path_that_cannot_be_opened_says_why(run: Run, does: str, type_: str, why: str) -> None:
    async def test(cluster: Cluster) -> None:
        with pytest.raises(NoPath, match=why):
            await opened(cluster, [], does, type_)

    run(test)


def test_the_end_of_the_agent_s_side_ends_the_worker(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        path = await opened(cluster, [])
        pidfd = path._pidfd
        signal.pidfd_send_signal(pidfd, 0)
        path.close()
        path.send(b"late")
        path.drain()
        with pytest.raises(OSError, match="Bad file"):
            signal.pidfd_send_signal(pidfd, 0)

    run(test)
