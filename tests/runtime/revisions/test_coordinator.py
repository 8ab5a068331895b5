"""An apply looks at the cluster again before it changes it, and leaves nobody behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from clpcore.model.requests import GroupStop, Op
from clpcore.model.revisions import About, Again, Commit, Committed, Dispatch, Prepare, Revision
from clpcore.runtime.revisions import coordinator
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.around import Refused
from clpcore.runtime.revisions.checking import Checked

# Any: what conftest.py defines cannot be imported.
Make = Callable[..., AbstractAsyncContextManager[Any]]


# -- what is stopped


async def test_a_group_that_was_started_while_servers_checked_is_stopped_too(
    make_stewards: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "", wanted="stopped", state="Offline")
        cluster.checked = Checked(restart=("g",))
        check = cluster.check

        async def start_meanwhile(job: Any) -> Checked:  # noqa: ANN401 - see Make
            group.server, group.wanted, group.state, group.epoch = "node2", "auto", "Online", 6
            checked: Checked = await check(job)
            return checked

        monkeypatch.setattr("clpcore.runtime.revisions.checking.check", start_meanwhile)
        told = await cluster.apply("node1")
        assert told["restarted"] == ["g"]
        await cluster.until(lambda: group.epoch == 7)


async def test_a_group_that_would_start_by_itself_is_stopped_although_it_runs_nowhere(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        cluster.group("g", "", state="Offline")
        cluster.group("done", "", wanted="stopped", state="Offline")
        cluster.checked = Checked(restart=("g", "done"))
        await cluster.apply("node1")
        stops = [op for _, op in cluster.asked if isinstance(op, GroupStop)]
        assert stops == [GroupStop("g")]


async def test_a_group_that_is_started_again_before_the_commit_ends_the_apply(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        early, late = cluster.group("early", "node1"), cluster.group("late", "node1")
        cluster.checked = Checked(restart=("early",), stop=("late",))

        async def start_again(op: Op) -> None:
            if op == GroupStop("late"):
                early.server, early.wanted, early.state, early.epoch = "node1", "auto", "Online", 6

        cluster.meanwhile = start_again
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf30"
        assert late.state == "Offline"
        assert {each.steward.committed[:6] for each in cluster.servers.values()} == {"000001"}


async def test_a_group_that_is_started_at_the_very_last_ends_the_apply(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        def start_again(_sender: str, _to: str, word: Dispatch) -> bool:
            if isinstance(word, Prepare) and group.wanted == "stopped":  # it is asked once more
                group.server, group.wanted, group.state, group.epoch = "node1", "auto", "Online", 6
            return False

        cluster.loses = start_again
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf30"
        assert cluster["node1"].steward.committed.startswith("000001")


async def test_a_server_that_went_away_while_groups_stopped_ends_the_apply(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        async def die(op: Op) -> None:
            if isinstance(op, GroupStop):
                cluster["node2"].die()

        cluster.meanwhile = die
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf23"
        await cluster.until(lambda: group.state == "Online")
        assert cluster["node1"].steward.committed.startswith("000001")


async def test_a_server_whose_agent_started_again_while_groups_stopped_checks_again(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        async def start_again(op: Op) -> None:
            if isinstance(op, GroupStop):
                cluster["node2"].start()

        cluster.meanwhile = start_again
        await cluster.apply("node1")
        assert cluster.checks == ["node1", "node2", "node2"]
        await cluster.until(lambda: group.state == "Online")
        assert cluster["node2"].steward.committed.startswith("000002")


async def test_a_server_that_gave_the_change_up_while_groups_stopped_checks_again(
    make_stewards: Make,
) -> None:
    """After a while, another change may take its place there."""
    async with make_stewards("node1", "node2") as cluster:
        cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        async def give_up(op: Op) -> None:
            holding = cluster["node2"].steward._holding
            if isinstance(op, GroupStop):
                await holding.drop(holding.hold)

        cluster.meanwhile = give_up
        assert (await cluster.apply("node1"))["failed"] == {}
        assert cluster.checks == ["node1", "node2", "node2"]


# -- when heartbeats pause


async def test_nobody_goes_before_all_have_committed(
    make_stewards: Make,
) -> None:
    """Whoever went alone would be silent for the others; one is frozen for a while."""
    async with make_stewards("node1", "node2", "node3") as cluster:
        cluster.checked = Checked(pauses=True)
        hears = asyncio.Event()
        cluster["node3"].steward._follower.heard = lambda *_: None

        def lose(_sender: str, to: str, word: Dispatch) -> bool:
            return to == "node3" and isinstance(word, Commit) and not hears.is_set()

        cluster.loses = lose
        applying = asyncio.create_task(cluster.apply("node1"))
        await cluster.until(lambda: cluster["node2"].steward.committed.startswith("000002"))
        cluster["node3"].heard = 500  # no heartbeat lately, and not silent for the timeout
        await asyncio.sleep(0.5)  # longer than where heartbeats do not pause
        assert [each.starts for each in cluster.servers.values()] == [1, 1, 1]
        hears.set()
        assert (await applying)["failed"] == {}
        await cluster.until(lambda: {each.starts for each in cluster.servers.values()} == {2})
        assert {each.steward.committed[:6] for each in cluster.servers.values()} == {"000002"}


async def test_a_dead_server_is_waited_for_only_until_it_counts_as_silent(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2", "node3") as cluster:
        cluster.checked = Checked(pauses=True)

        def die(_sender: str, to: str, word: Dispatch) -> bool:
            if to == "node3" and isinstance(word, Commit):
                cluster["node3"].die()
            return to == "node3" and isinstance(word, Commit)

        cluster.loses = die
        await cluster.apply("node1")
        await cluster.until(lambda: cluster["node1"].starts == cluster["node2"].starts == 2)


async def test_who_has_committed_goes_when_the_coordinator_falls_silent(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2", "node3") as cluster:
        cluster.checked = Checked(pauses=True)
        cluster.loses = lambda _from, _to, word: isinstance(word, Again | Committed)
        applying = asyncio.create_task(cluster.apply("node1"))
        await cluster.until(lambda: cluster["node3"].steward.committed.startswith("000002"))
        assert cluster["node2"].starts == 1
        cluster["node1"].die()
        applying.cancel()
        await cluster.until(lambda: cluster["node2"].starts == cluster["node3"].starts == 2)


# -- who cannot write


@pytest.mark.parametrize("pauses", [False, True])
async def test_a_server_that_cannot_write_is_told_by_name(
    make_stewards: Make, monkeypatch: pytest.MonkeyPatch, *, pauses: bool
) -> None:
    """It adopts as soon as it can."""
    monkeypatch.setattr(coordinator, "PREPARE_S", 0.3)
    async with make_stewards("node1", "node2") as cluster:
        cluster.checked = Checked(pauses=pauses)
        full = True
        commit = Archive.commit

        def commit_unless_full(kept: Archive, revision: Any) -> None:  # noqa: ANN401 - see Make
            if full and kept.folder == cluster["node2"].archive.folder:
                raise OSError(28, "No space left on device", "/var/lib")
            commit(kept, revision)

        monkeypatch.setattr(Archive, "commit", commit_unless_full)
        told = await cluster.apply("node1")
        assert told["failed"]["node2"]["key"] == "cf36"
        assert "No space left" in told["failed"]["node2"]["args"]["reason"]
        assert "cf36" in cluster["node1"].told()
        full = False
        await cluster.until(lambda: cluster["node2"].steward.committed.startswith("000002"))


def test_a_commit_that_failed_half_way_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Archive(tmp_path)
    revision = Revision(1, "0" * 64)
    kept.stage(revision, About(), b"x")

    def fail(_path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", fail)
        with pytest.raises(OSError, match="No space"):
            kept.commit(revision)
    kept.commit(revision)
    current = kept.current()
    assert current is not None
    assert current.revision == revision


# -- who is removed


async def test_a_server_is_not_removed_while_a_group_waits_for_its_word(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        cluster.checked = Checked(removed=("node2",), servers=("node1",))
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf26"
        cluster["node2"].state = "Offline"
        cluster["node1"].cohorts = {"g": ("node1", "node2")}
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf34"
        assert dict(refused.value.because.args) == {"server": "node2", "group": "g"}
        cluster["node1"].cohorts = {"g": ("node1",)}
        assert (await cluster.apply("node1"))["same"] is False


async def test_a_server_that_is_off_for_good_is_removed_by_force(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        cluster.checked = Checked(removed=("node2",), servers=("node1",))
        cluster["node2"].die()
        cluster["node1"].cohorts = {"g": ("node1", "node2")}
        assert (await cluster.apply("node1", force=True))["same"] is False
