"""A newer revision is adopted at once, and one that cannot be is tried ever more rarely."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from clpcore.model.revisions import AskPart, Dispatch
from clpcore.runtime.revisions import following
from clpcore.runtime.revisions.checking import Checked

# Any: what conftest.py defines cannot be imported.
Make = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_SOONEST", 50)
    monkeypatch.setattr(following, "_LATEST", 400)


async def _behind(cluster: Any, checked: Checked) -> list[str]:  # noqa: ANN401 - see Make
    """Let node2 be behind node1; give the names that it asks for, as it does."""
    fetched: list[str] = []

    def see(sender: str, _to: str, word: Dispatch) -> bool:
        if sender == "node2" and isinstance(word, AskPart):
            fetched.append(word.name)
        return False

    cluster["node2"].die()
    await asyncio.sleep(0)
    cluster.checked = Checked(servers=("node1",))
    await cluster.apply("node1")
    await cluster.until(lambda: cluster["node1"].starts == 2)
    cluster.checked, cluster.loses = checked, see
    cluster["node2"].start()
    return fetched


async def test_an_adoption_that_is_refused_is_tried_ever_more_rarely(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        fetched = await _behind(cluster, Checked(error="a plugin is missing"))
        loop = asyncio.get_running_loop()
        times = []
        for count in range(1, 6):
            await cluster.until(lambda count=count: len(fetched) >= count)
            times.append(loop.time())
        gaps = [after - before for before, after in itertools.pairwise(times)]
        assert gaps[1] > 1.5 * gaps[0]
        assert gaps[2] > 1.5 * gaps[1]
        assert gaps[3] < 2 * following._LATEST / 1_000
        assert cluster["node2"].told().count("cf4") == 1


async def test_another_revision_is_tried_at_once(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        fetched = await _behind(cluster, Checked(error="a plugin is missing"))
        await cluster.until(lambda: len(fetched) >= 4)  # it waits for long now
        cluster.checked = Checked()
        cluster["node2"].steward.heard("node1", "000009-aaaaaaaaaaaa")
        assert cluster["node2"].steward._follower._busy
        await cluster.until(lambda: cluster["node2"].steward.committed.startswith("000002"))


async def test_what_a_running_group_keeps_from_it_is_not_fetched_again_until_that_stops(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node2")
        fetched = await _behind(cluster, Checked(restart=("g",)))
        await cluster.until(lambda: "cf8" in cluster["node2"].told())
        await asyncio.sleep(0.4)
        assert len(fetched) == 1
        group.server, group.wanted, group.state = "", "stopped", "Offline"
        await cluster.until(lambda: cluster["node2"].steward.committed.startswith("000002"), 0.4)
