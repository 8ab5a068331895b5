"""Groups that were stopped for an apply run again, whoever dies and whatever is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from clpcore.model.requests import GroupStart, GroupStop, Op
from clpcore.model.revisions import Abandon, Commit, Dispatch, Note
from clpcore.runtime.revisions import starting
from clpcore.runtime.revisions.around import Refused
from clpcore.runtime.revisions.checking import Checked

# Any: what conftest.py defines cannot be imported.
Make = Callable[..., AbstractAsyncContextManager[Any]]


async def test_a_changed_group_is_stopped_and_started_where_it_was(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node2")
        cluster.checked = Checked(restart=("g",))
        noted: list[bool] = []

        async def look(op: Op) -> None:
            if isinstance(op, GroupStop):
                noted.extend(server.noted for server in cluster.servers.values())

        cluster.meanwhile = look
        told = await cluster.apply("node1")
        assert noted == [True, True]  # before the first one stops
        assert (told["restarted"], told["failed"]) == (["g"], {})
        await cluster.until(lambda: group.state == "Online")
        await cluster.until(lambda: not any(each.noted for each in cluster.servers.values()))
        assert cluster.starts_of("g") == [("node1", GroupStart("g", "node2"))]
        assert "cf9" in cluster["node1"].told()


@pytest.mark.parametrize("committed", [False, True])
async def test_another_server_starts_them_when_the_coordinator_is_gone_for_ever(
    make_stewards: Make, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    """The longest in of those that are left does, and nobody else."""
    async with make_stewards("node1", "node2", "node3") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        def on_word(_sender: str, _to: str, word: Dispatch) -> bool:
            if isinstance(word, Commit):
                asyncio.get_running_loop().call_later(0.02, cluster["node1"].die)
            return False

        async def on_op(op: Op) -> None:
            if isinstance(op, GroupStop) and not committed:
                asyncio.get_running_loop().call_soon(cluster["node1"].die)

        cluster.loses, cluster.meanwhile = on_word, on_op
        applying = asyncio.create_task(cluster.apply("node1"))
        await cluster.until(lambda: not cluster["node1"].alive)
        applying.cancel()
        monkeypatch.setattr(starting, "_AT_HOME", 100)  # its server is not there any more
        await cluster.until(lambda: group.epoch == 6)
        assert [by for by, _ in cluster.starts_of("g")] == ["node2"]
        await cluster.until(lambda: not cluster["node2"].noted)
        names = {each.steward.committed[:6] for each in cluster.servers.values() if each.alive}
        assert names == {"000002" if committed else "000001"}


async def test_what_was_checked_for_a_dead_coordinator_is_given_up_before_groups_run_again(
    make_stewards: Make,
) -> None:
    """Else it would be committed under them, unchecked, as soon as the dead one comes back."""
    async with make_stewards("node1", "node2") as cluster:
        cluster.group("g", "node2")
        cluster.checked = Checked(restart=("g",))

        async def die(op: Op) -> None:
            if isinstance(op, GroupStop):
                cluster["node1"].die()
            else:
                held.append(cluster["node2"].steward._holding.hold)

        held: list[object] = []
        cluster.meanwhile = die
        applying = asyncio.create_task(cluster.apply("node1"))
        await cluster.until(lambda: held)
        applying.cancel()
        assert held == [None]


async def test_an_apply_that_is_abandoned_starts_them_again(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        quick, slow = cluster.group("quick", "node1"), cluster.group("slow", "node2")
        cluster.checked = Checked(restart=("quick", "slow"))
        cluster.refuses = lambda op: op == GroupStop("slow")
        with pytest.raises(Refused) as refused:
            await cluster.apply("node1")
        assert refused.value.because.key == "cf30"
        await cluster.until(lambda: quick.state == "Online")
        await cluster.until(lambda: not any(each.noted for each in cluster.servers.values()))
        assert (quick.epoch, slow.epoch) == (6, 5)
        assert cluster["node1"].starts == 1


async def test_one_group_that_cannot_start_keeps_no_other_from_it(
    make_stewards: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again, told by name, and stays noted until it runs."""
    monkeypatch.setattr(starting, "_AT_HOME", 100)
    async with make_stewards("node1", "node2") as cluster:
        first, second = cluster.group("a", "node1"), cluster.group("b", "node1")
        cluster.checked = Checked(restart=("a", "b"))
        never = asyncio.Event()

        async def block(op: Op) -> None:
            if isinstance(op, GroupStart) and op.group == "a":
                await never.wait()

        cluster.meanwhile = block
        await cluster.apply("node1")
        await cluster.until(lambda: second.state == "Online")
        assert (first.state, cluster["node1"].noted) == ("Offline", True)
        cluster.refuses = lambda op: isinstance(op, GroupStart)
        never.set()
        await cluster.until(lambda: "cf35" in cluster["node1"].told())
        assert cluster["node1"].noted
        assert cluster["node2"].noted
        cluster.refuses = lambda _op: False
        await cluster.until(lambda: first.state == "Online")
        await cluster.until(lambda: not cluster["node2"].noted)


async def test_a_group_that_failed_to_start_is_told_by_name_and_left(make_stewards: Make) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))

        async def fail(op: Op) -> None:
            if isinstance(op, GroupStart):
                group.epoch, group.wanted, group.state = 6, "auto", "Error"

        cluster.meanwhile = fail
        cluster.refuses = lambda op: isinstance(op, GroupStart)
        await cluster.apply("node1")
        await cluster.until(lambda: "cf35" in cluster["node1"].told())
        await cluster.until(lambda: not cluster["node1"].noted)
        assert len(cluster.starts_of("g")) == 1


async def test_what_somebody_else_has_started_since_is_left(make_stewards: Make) -> None:
    """Also when it was stopped once more: that is the operator's word."""
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))
        cluster.restarts = False
        await cluster.apply("node1")
        group.epoch, group.wanted = 6, "stopped"
        cluster["node1"].start()
        await cluster.until(lambda: not any(each.noted for each in cluster.servers.values()))
        assert cluster.starts_of("g") == []


async def test_no_group_is_started_before_its_server_has_our_revision(
    make_stewards: Make,
) -> None:
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node2")
        cluster.checked = Checked(restart=("g",))
        first = cluster["node2"].steward

        def lose(_sender: str, to: str, word: Dispatch) -> bool:
            return to == "node2" and isinstance(word, Commit)

        cluster.loses = lose
        first._follower.heard = lambda *_: None  # nor does it hear of it
        await cluster.apply("node1")
        await cluster.until(lambda: cluster["node1"].starts == 2)
        await asyncio.sleep(0.3)  # in which it is looked at many times
        assert (cluster.starts_of("g"), group.state) == ([], "Offline")
        cluster.loses = lambda *_: False
        cluster["node2"].start()  # and adopts
        await cluster.until(lambda: group.state == "Online")
        assert cluster["node2"].steward.committed.startswith("000002")


async def test_a_server_without_a_note_of_it_refuses_for_all(
    make_stewards: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clpcore.runtime.revisions.stopping.NOTE_S", 0.2)
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))
        cluster.loses = lambda _sender, _to, word: isinstance(word, Note)
        with pytest.raises(Refused):
            await cluster.apply("node1")
        assert group.epoch == 5
        assert not any(isinstance(op, GroupStop) for _, op in cluster.asked)


async def test_a_server_that_missed_the_end_asks_for_it(make_stewards: Make) -> None:
    """It forgets its note as soon as the coordinator has: what is stopped later stays stopped."""
    async with make_stewards("node1", "node2") as cluster:
        group = cluster.group("g", "node1")
        cluster.checked = Checked(restart=("g",))
        cluster.refuses = lambda op: isinstance(op, GroupStop)
        cluster.loses = lambda _sender, to, word: to == "node2" and isinstance(word, Abandon)
        with pytest.raises(Refused):
            await cluster.apply("node1")
        await cluster.until(lambda: not cluster["node1"].noted)
        await cluster.until(lambda: not cluster["node2"].noted)
        assert group.epoch == 5
