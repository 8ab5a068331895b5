"""azurednsw against a simulated Azure and its name servers, which may be dead, ill, or lie."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import pytest

from clpcore import api
from clpcore_azuredns.monitor import Azurednsw
from clpcore_azuredns.settings import OnNoAnswer
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
NAME, ZONE = "test-record1", "cluster1.zone"
RECORD = f"dnszones/{ZONE}/A/{NAME}"
NORMAL, WARNING, ERROR, UNKNOWN = api.Health
STANDBY: Final = api.Role.STANDBY


class Server(Protocol):
    """What conftest gives: one server of the cluster."""

    settings: dict[str, Any]

    def monitor(self, **changes: Any) -> Azurednsw: ...  # noqa: ANN401
    async def activate(self, *, epoch: int = 7) -> None: ...
    async def observe(
        self,
        monitor: Azurednsw | None = None,
        *,
        role: api.Role = api.Role.ACTIVE,
        epoch: int = 7,
        patience: int = 10_000,
    ) -> api.Observation: ...


Servers = tuple[Server, Server]


def run(work: Callable[[], Awaitable[_T]]) -> _T:
    """Run *work* in a worker's life, and leave no connection behind."""

    async def life() -> _T:
        try:
            return await work()
        finally:
            await session.close()

    return asyncio.run(life())


def reads(azure: Azure) -> int:
    return sum(entry.method == "GET" for entry in azure.journal(RECORD))


def test_all_is_well_after_an_activation(servers: Servers) -> None:
    node1, _ = servers

    async def life() -> api.Observation:
        await node1.activate()
        return await node1.observe()

    seen = run(life)
    assert (seen.health, seen.sentence) == (
        NORMAL,
        "test-record1.cluster1.zone is 10.5.0.110 at 4 of 4 name servers",
    )


def test_a_record_that_was_deleted_by_hand_is_an_error(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> list[api.Health]:
        await node1.activate()
        monitor = node1.monitor()
        seen = [await node1.observe(monitor)]
        azure.delete_record(ZONE, NAME)
        seen += [await node1.observe(monitor), await node1.observe()]
        await node1.activate()
        return [each.health for each in (*seen, await node1.observe(monitor))]

    # Once by the name servers alone, once by Azure, and well again after a reactivation.
    assert run(life) == [NORMAL, ERROR, ERROR, NORMAL]


def test_a_stale_server_sees_that_it_has_lost_the_name(servers: Servers) -> None:
    node1, node2 = servers

    async def life() -> api.Observation:
        await node1.activate(epoch=7)
        await node2.activate(epoch=8)
        return await node1.observe(epoch=7)

    seen = run(life)
    assert seen.health is ERROR
    assert "written by node2 for epoch 8" in seen.sentence


def test_azure_is_read_once_in_its_interval(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def looks(count: int, **changes: Any) -> int:  # noqa: ANN401
        monitor, before = node1.monitor(**changes), reads(azure)
        for _ in range(count):
            assert (await node1.observe(monitor)).health is NORMAL
        return reads(azure) - before

    async def life() -> list[int]:
        await node1.activate()
        return [await looks(5), await looks(2, azure_interval=0)]

    assert run(life) == [1, 2]


# -- name servers


@pytest.mark.parametrize("mood", ["dead", "refuses", "fails", "truncates"])
def test_one_name_server_that_is_ill_harms_nobody(
    azure: Azure, servers: Servers, mood: str
) -> None:
    node1, _ = servers
    azure.set_name_server(2, mood)

    async def life() -> api.Observation:
        await node1.activate()
        return await node1.observe()

    seen = run(life)
    assert seen.health is NORMAL
    assert f"at {4 if mood == 'truncates' else 3} of 4" in seen.sentence  # then TCP is asked


def test_a_name_server_that_lies_is_named(azure: Azure, servers: Servers) -> None:
    node1, _ = servers

    async def life() -> list[api.Observation]:
        azure.put_record(ZONE, NAME, "10.5.0.110")
        azure.set_name_server(3, "lies", lie="192.0.2.66")
        found = [await node1.observe()]
        for number in (1, 2, 4):
            azure.set_name_server(number, "lies", lie="192.0.2.66")
        return [*found, await node1.observe()]

    one, all_of_them = run(life)
    assert one.health is WARNING
    assert f"but {azure.dns_addresses[2]} says 192.0.2.66" in one.sentence
    assert all_of_them.health is ERROR


@pytest.mark.parametrize("mood", ["dead", "refuses", "fails"])
def test_no_name_server_at_all(azure: Azure, servers: Servers, mood: str) -> None:
    node1, _ = servers
    azure.put_record(ZONE, NAME, "10.5.0.110")
    for number in (1, 2, 3, 4):
        azure.set_name_server(number, mood)

    async def life() -> tuple[list[api.Health], float]:
        began = time.monotonic()
        looks = [await node1.observe(node1.monitor(on_no_answer=how)) for how in OnNoAnswer]
        return [each.health for each in looks], time.monotonic() - began

    healths, took = run(life)
    assert healths == [UNKNOWN, WARNING, ERROR]
    assert took < 3 * 2.5


def test_the_zones_own_name_servers_are_found(
    azure: Azure, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names come from Azure (NS/read), their addresses from this server's resolver."""
    node1, _ = servers
    where = dict(zip(_NAMES, azure.dns_addresses, strict=True))
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as socket's
        if host not in where:
            return real(host, *args, **more)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (where[host], azure.dns_port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    async def life() -> list[api.Observation]:
        await node1.activate()
        monitor = node1.monitor(name_servers=())
        return [await node1.observe(monitor) for _ in range(2)]

    assert {each.sentence for each in run(life)} == {
        "test-record1.cluster1.zone is 10.5.0.110 at 4 of 4 name servers"
    }
    assert sorted(asked) == sorted(_NAMES)  # once: they are remembered
    assert len(azure.journal(f"dnszones/{ZONE}/NS/@")) == 1


_NAMES = (
    "ns1-02.azure-dns.com",
    "ns2-02.azure-dns.net",
    "ns3-02.azure-dns.org",
    "ns4-02.azure-dns.info",
)


# -- Azure


def test_a_silent_azure_harms_nobody_while_the_name_servers_say_it(
    azure: Azure, servers: Servers
) -> None:
    node1, _ = servers

    async def life() -> tuple[api.Observation, float]:
        await node1.activate()
        azure.fault("hang", RECORD, count=None)
        began = time.monotonic()
        seen = await node1.observe(node1.monitor(request_timeout=300))
        return seen, time.monotonic() - began

    seen, took = run(life)
    assert seen.health is NORMAL
    assert "Azure itself does not answer" in seen.sentence
    assert took < 1.0


def test_a_look_ends_before_its_deadline_whatever_hangs(azure: Azure, servers: Servers) -> None:
    node1, _ = servers
    azure.fault("hang", "/", count=None)
    for number in (1, 2, 3, 4):
        azure.set_name_server(number, "dead")

    async def life() -> float:
        began = time.monotonic()
        seen = await node1.observe(patience=1_500)
        assert seen.health is UNKNOWN
        return time.monotonic() - began

    assert run(life) < 1.5


def test_the_guides_role_is_enough(azure: Azure, servers: Servers) -> None:
    from clp_azuresim.roles import Role  # noqa: PLC0415

    node1, _ = servers
    actions = tuple(
        f"Microsoft.Network/dnsZones/{each}" for each in ("A/write", "A/delete", "NS/read")
    )
    azure.set_roles(Role(actions=actions, scope="/"))

    async def life() -> api.Observation:
        await node1.activate()
        return await node1.observe()

    seen = run(life)
    assert seen.health is NORMAL
    assert "the role has no A/read, so that it is written without a condition" in seen.sentence


def test_a_missing_ns_read_is_named(azure: Azure, servers: Servers) -> None:
    from clp_azuresim.roles import Role  # noqa: PLC0415

    node1, _ = servers
    actions = ("Microsoft.Network/dnsZones/A/*",)
    azure.set_roles(Role(actions=actions, scope="/"))

    async def life() -> api.Observation:
        await node1.activate()
        return await node1.observe(node1.monitor(name_servers=()))

    seen = run(life)
    assert seen.health is WARNING
    assert "the role lacks Microsoft.Network/dnsZones/NS/read on /subscriptions/" in seen.sentence


def test_a_zone_that_is_gone_is_named(servers: Servers) -> None:
    node1, _ = servers
    seen = run(lambda: node1.observe(node1.monitor(zone="other.zone")))
    assert seen.health is ERROR
    assert "404 ParentResourceNotFound" in seen.sentence


# -- the standby server


def test_a_standby_server_sees_that_it_can_sign_in(azure: Azure, servers: Servers) -> None:
    _, node2 = servers

    async def life() -> list[api.Observation]:
        monitor = node2.monitor()
        return [await node2.observe(monitor, role=STANDBY) for _ in range(3)]

    assert {each.health for each in run(life)} == {NORMAL}
    assert len(azure.journal("oauth2/v2.0/token")) == 1
    assert not azure.journal("dnszones")


def test_a_standby_server_that_cannot_is_told_before_it_is_needed(
    azure: Azure, servers: Servers
) -> None:
    _, node2 = servers
    expired = node2.monitor(certificate_file=str(azure.certificate("expired")))
    seen = run(lambda: node2.observe(expired, role=STANDBY))
    assert seen.health is WARNING
    assert "this server could not take test-record1.cluster1.zone" in seen.sentence
    assert "has expired" in seen.sentence


@pytest.mark.parametrize("odd", [[None], ["x"], "text", {"a": 1}])
def test_name_servers_that_are_none_are_no_answer(
    azure: Azure, servers: Servers, odd: object
) -> None:
    node1, _ = servers
    azure.fault("edit", "/NS/@", body={"properties": {"NSRecords": odd}}, count=None)

    async def life() -> api.Observation:
        await node1.activate()
        return await node1.observe(node1.monitor(name_servers=()))

    assert run(life).health is not api.Health.ERROR
