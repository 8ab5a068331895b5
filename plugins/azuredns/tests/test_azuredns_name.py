"""azuredns against a simulated Azure: who has the name, after whatever happened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from clpcore import api
from clpcore_azuredns import note, resource
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
NAME, ZONE = "test-record1", "cluster1.zone"
RECORD = f"dnszones/{ZONE}/A/{NAME}"


Servers = tuple[Any, Any]  # what conftest gives


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    """Run *work* in a worker's life, and leave no connection behind."""

    async def life() -> _T:
        try:
            return await work()
        finally:
            await session.close()

    return asyncio.run(life())


def addresses(azure: Azure) -> tuple[str, ...]:
    found = azure.record(ZONE, NAME)
    return tuple(found.addresses) if found else ()


def requests(azure: Azure) -> list[str]:
    return [entry.method for entry in azure.journal(RECORD)]


# -- taking it


def test_activation_points_the_name_to_this_server(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> list[api.Presence]:
        before = await node1.probe()
        await node1.activate()
        return [before, await node1.probe()]

    assert run(life) == [api.Presence.INACTIVE, api.Presence.ACTIVE]
    found = azure.record(ZONE, NAME)
    assert found
    assert (found.addresses, found.ttl) == (("10.5.0.110",), 60)
    assert dict(found.metadata) == {
        "clpcore_group": "failover1",
        "clpcore_epoch": "7",
        "clpcore_server": "node1",
    }
    assert requests(azure) == ["GET", "PUT", "GET", "GET"]


def test_a_second_activation_writes_nothing(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def twice() -> None:
        await node1.activate()
        await node1.activate()

    run(twice)
    assert requests(azure).count("PUT") == 1


def test_a_record_made_by_hand_is_taken_over_with_its_metadata(
    azure: Azure, servers: Servers
) -> None:
    node1, _ = servers
    azure.put_record(ZONE, NAME, "10.9.9.9", ttl=5, metadata={"owner": "me"})
    run(node1.activate)
    found = azure.record(ZONE, NAME)
    assert found
    assert (found.addresses, found.ttl, found.metadata["owner"]) == (("10.5.0.110",), 60, "me")


def test_a_failover_overwrites_the_record(azure: Azure, servers: Servers) -> None:
    node1, node2 = servers

    async def fail_over() -> list[api.Presence]:
        await node1.activate()
        await node1.deactivate(api.Event.FAILOVER)
        await node2.activate(epoch=8)
        return [await node1.probe(), await node2.probe()]

    assert run(fail_over) == [api.Presence.INACTIVE, api.Presence.ACTIVE]
    assert addresses(azure) == ("10.5.0.111",)
    assert "DELETE" not in requests(azure)


def test_a_stale_server_never_takes_the_name_back(azure: Azure, servers: Servers) -> None:
    node1, node2 = servers

    async def wake_up() -> object:
        await node1.activate(epoch=7)
        await node2.activate(epoch=8)
        with pytest.raises(api.Failed, match=r"written by node2 for epoch 8 .* epoch 7 only"):
            await node1.activate(epoch=7)
        return await node1.probe()

    assert run(wake_up) is api.Presence.INACTIVE
    assert addresses(azure) == ("10.5.0.111",)


def test_a_write_that_comes_late_changes_nothing(azure: Azure, servers: Servers) -> None:
    """Azure takes it, and does it when another server has the name already."""
    node1, node2 = servers
    azure.fault("latency", RECORD, method="PUT", seconds=1.0)

    async def race() -> None:
        late = asyncio.ensure_future(node1.activate(epoch=7))
        await asyncio.to_thread(azure.wait_for, lambda: "PUT" in requests(azure))
        await node2.activate(epoch=8)
        with pytest.raises(api.Failed, match="epoch 7 only"):
            await late

    run(race)
    assert addresses(azure) == ("10.5.0.111",)


def test_another_groups_epoch_is_not_compared(azure: Azure, servers: Servers) -> None:
    node1, _ = servers
    theirs = {"clpcore_group": "other", "clpcore_epoch": "99", "clpcore_server": "node9"}
    azure.put_record(ZONE, NAME, "10.9.9.9", metadata=theirs)
    run(node1.activate)
    assert addresses(azure) == ("10.5.0.110",)


# -- giving it back


@pytest.mark.parametrize("event", [api.Event.MOVE, api.Event.FAILOVER, api.Event.RECOVER])
def test_what_is_overwritten_is_not_deleted(
    azure: Azure, servers: Servers, event: api.Event
) -> None:
    node1, _ = servers

    async def life() -> object:
        await node1.activate()
        asked = len(requests(azure))
        await node1.deactivate(event)
        assert len(requests(azure)) == asked  # Azure is not even asked
        return await node1.probe()

    assert run(life) is api.Presence.INACTIVE
    assert addresses(azure) == ("10.5.0.110",)


@pytest.mark.parametrize("event", [api.Event.STOP, api.Event.CLUSTER_STOP])
def test_what_is_stopped_is_deleted(azure: Azure, servers: Servers, event: api.Event) -> None:
    node1, _ = servers

    async def life() -> None:
        await node1.activate()
        await node1.deactivate(event)
        await node1.deactivate(event)

    run(life)
    assert azure.record(ZONE, NAME) is None
    assert requests(azure).count("DELETE") == 1


def test_what_shall_stay_is_not_deleted(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> None:
        await node1.activate()
        await node1.deactivate(delete_at_deactivation=False)

    run(life)
    assert addresses(azure) == ("10.5.0.110",)


def test_a_right_that_is_lost_is_no_stop(azure: Azure, servers: Servers) -> None:
    """Another server is about to overwrite it: in between nobody must learn that it is gone."""
    node1, _ = servers

    async def life() -> None:
        await node1.activate()
        await node1.deactivate(lost=True)

    run(life)
    assert addresses(azure) == ("10.5.0.110",)


@pytest.mark.parametrize("ip", ["10.5.0.111", "10.5.0.110"], ids=["own", "shared address"])
def test_somebody_elses_record_is_not_deleted(azure: Azure, servers: Servers, ip: str) -> None:
    node1, node2 = servers

    async def life() -> None:
        await node1.activate(epoch=7)
        await node2.activate(epoch=8, ip=ip)
        await node1.deactivate(epoch=7)

    run(life)
    assert addresses(azure) == (ip,)


def test_an_azure_that_does_not_answer_shuts_no_server_down(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> float:
        await node1.activate()
        azure.fault("hang", RECORD, count=None)
        began = time.monotonic()
        await node1.deactivate(patience=1_500, request_timeout=300)
        return time.monotonic() - began

    assert run(life) < 1.5
    assert any("is left behind" in told for told in node1.told)


def test_after_a_reboot_the_record_is_nobodys(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> object:
        await node1.activate()
        note.remove(node1.ports(node1.call()))  # /run is empty
        return await node1.probe()

    assert run(life) is api.Presence.INACTIVE
    assert addresses(azure) == ("10.5.0.110",)


# -- what gets in the way


def test_a_probe_that_is_not_answered_is_an_unknown(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> object:
        await node1.activate()
        azure.fault("status", RECORD, status=503, count=None)
        return await node1.probe()

    assert run(life) is api.Presence.UNKNOWN


@pytest.mark.parametrize(
    ("wrong", "details"),
    [
        ("status", {"status": 503, "method": "PUT", "count": 2}),
        ("status", {"status": 429, "headers": {"Retry-After": "1"}}),
        ("status", {"status": 409, "method": "PUT"}),
        ("status", {"status": 412, "method": "PUT"}),
        ("lost", {"method": "PUT"}),
        ("reset", {"method": "GET", "count": 2}),
        ("hang", {"method": "PUT"}),
        ("forget", {"method": "PUT"}),
    ],
    ids=lambda each: "-".join(map(str, each.values())) if isinstance(each, dict) else each,
)
def test_an_activation_outlasts_what_passes(
    azure: Azure, servers: Servers, wrong: str, details: dict[str, Any]
) -> None:
    node1, _ = servers
    azure.fault(wrong, RECORD, **details)

    async def life() -> None:
        await node1.ready()
        await node1.activate(request_timeout=400)

    run(life)
    assert addresses(azure) == ("10.5.0.110",)


def test_a_wait_that_is_too_long_is_not_kept_to(
    azure: Azure, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients wait meanwhile, and to be refused once more costs nothing."""
    monkeypatch.setattr(resource, "_LONGEST_PAUSE", 500)
    node1, _ = servers
    azure.fault("status", RECORD, status=429, headers={"Retry-After": "600"})
    run(node1.activate)
    assert addresses(azure) == ("10.5.0.110",)
    azure.fault("status", RECORD, status=429, headers={"Retry-After": "600"})
    run(node1.deactivate)
    assert azure.record(ZONE, NAME) is None


@pytest.mark.parametrize(
    ("wrong", "details", "said"),
    [
        ("hang", {}, "no answer"),
        ("status", {"status": 500}, "Azure answers 500"),
        ("status", {"status": 429, "headers": {"Retry-After": "600"}}, "asked after 600 s"),
        ("reset", {}, "no answer"),
    ],
)
def test_an_activation_that_cannot_ends_before_its_deadline(
    azure: Azure, servers: Servers, wrong: str, details: dict[str, Any], said: str
) -> None:
    node1, _ = servers
    azure.fault(wrong, RECORD, count=None, **details)

    async def timed() -> float:
        await node1.ready()
        began = time.monotonic()
        with pytest.raises(api.Failed, match=said):
            await node1.activate(patience=1_500)
        return time.monotonic() - began

    assert run(timed) < 1.5


def test_an_alias_in_the_way_is_named(azure: Azure, servers: Servers) -> None:
    node1, _ = servers
    azure.put_alias(ZONE, NAME, "elsewhere.example")

    async def life() -> None:
        with pytest.raises(api.Misconfigured, match=r"a CNAME has this name .* Delete it"):
            await node1.activate()

    run(life)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"zone": "other.zone"}, r"404 .*other\.zone.*Correct subscription_id"),
        ({"resource_group": "Other"}, "404 .*Correct subscription_id"),
        ({"tenant_id": "44444444-4444-4444-4444-444444444444"}, "correct tenant_id"),
    ],
)
def test_what_is_not_there_is_named(servers: Servers, change: dict[str, str], said: str) -> None:
    node1, _ = servers

    async def life() -> None:
        with pytest.raises(api.Misconfigured, match=said):
            await node1.activate(**change)

    run(life)
