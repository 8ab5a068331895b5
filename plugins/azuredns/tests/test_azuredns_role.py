"""The guide's role (A/write, A/delete, NS/read) may not read: it is written without a condition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from clp_azuresim.roles import Role
from clpcore import api
from clpcore_lib_azure import session

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

_T = TypeVar("_T")
NAME, ZONE = "test-record1", "cluster1.zone"

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


GUIDE = tuple(f"Microsoft.Network/dnsZones/{each}" for each in ("A/write", "A/delete", "NS/read"))


@pytest.fixture
def blind(azure: Azure) -> None:
    azure.set_roles(Role(actions=GUIDE, scope="/"))


@pytest.mark.usefixtures("blind")
def test_without_the_right_to_read_it_is_written_all_the_same(
    azure: Azure, servers: Servers
) -> None:
    node1, node2 = servers

    async def life() -> list[api.Presence]:
        await node1.activate(epoch=7)
        await node1.activate(epoch=7)
        presences = [await node1.probe()]
        await node1.deactivate(api.Event.MOVE)
        await node2.activate(epoch=8)
        return [*presences, await node1.probe(), await node2.probe()]

    assert run(life) == [api.Presence.ACTIVE, api.Presence.INACTIVE, api.Presence.ACTIVE]
    assert addresses(azure) == ("10.5.0.111",)
    said = [told for told in node1.told + node2.told if "without a condition" in told]
    assert len(said) == 1
    assert "Microsoft.Network/dnsZones/A/read" in said[0]


@pytest.mark.usefixtures("blind")
def test_without_the_right_to_read_only_what_was_written_here_is_deleted(
    azure: Azure, servers: Servers
) -> None:
    node1, node2 = servers

    async def life() -> None:
        await node1.activate(epoch=7)
        await node2.activate(epoch=8)
        await node1.deactivate(epoch=7)
        assert addresses(azure) == ("10.5.0.111",)
        await node2.deactivate(epoch=8)

    run(life)
    assert azure.record(ZONE, NAME) is None


def test_without_the_right_to_write_it_is_told_what_is_missing(
    azure: Azure, servers: Servers
) -> None:
    node1, _ = servers
    azure.set_roles(Role(actions=GUIDE[2:], scope="/"))

    async def life() -> None:
        with pytest.raises(api.Misconfigured, match=r"may not .*dnsZones/A/write on"):
            await node1.activate()

    run(life)
