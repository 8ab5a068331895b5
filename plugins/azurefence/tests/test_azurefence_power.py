"""What of an instance view proves that a machine is off, and what only looks like it."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clpcore import api
from clpcore_azurefence import asking

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

GET = r"node2\?"


class Server(Protocol):
    """node1, which may have to stop node2: see conftest.py."""

    def fence(self, patience: int = ..., victim: str = ...) -> api.Power: ...
    def can_fence(self, patience: int = ..., victim: str = ...) -> api.Observation: ...


def _view(*codes: str) -> dict[str, Any]:
    statuses = [{"code": code, "level": "Info"} for code in ("ProvisioningState/x", *codes)]
    return {"properties": {"instanceView": {"statuses": statuses}}}


def test_a_machine_that_sleeps_is_not_off(azure: Azure, server: Server) -> None:
    """Who is hibernated is deallocated as well, and goes on where it was: in the same boot."""
    view = _view("PowerState/deallocated", "HibernationState/Hibernated")
    azure.fault("edit", GET, count=None, body=view)
    with pytest.raises(api.Failed, match="last read as hibernated"):
        server.fence(2_000)
    assert "is hibernated" in server.can_fence().sentence


def test_two_power_states_are_none(azure: Azure, server: Server) -> None:
    view = _view("PowerState/stopped", "PowerState/running")
    azure.fault("edit", GET, count=None, body=view)
    with pytest.raises(api.Failed, match="is not known to be off"):
        server.fence(2_000)


@pytest.mark.parametrize(
    ("codes", "power"),
    [
        (["ProvisioningState/succeeded", "PowerState/stopped"], "stopped"),
        (["PowerState/deallocated", "HibernationState/None"], "deallocated"),
        (["PowerState/deallocated", "HibernationState/Hibernating"], "hibernated"),
        (["HibernationState/Hibernated"], "hibernated"),
        (["PowerState/running", "HibernationState/HibernationPending"], "running"),
        (["PowerState/stopped", "PowerState/stopped"], "stopped"),
        (["PowerState/stopped", "PowerState/deallocated"], ""),
        (["PowerState/"], ""),
        (["OSState/generalized"], ""),
        ([None, ""], ""),
        ([], ""),
    ],
)
def test_the_power_of_a_view(codes: list[str | None], power: str) -> None:
    assert asking._power([types.SimpleNamespace(code=code) for code in codes]) == power


@pytest.mark.parametrize("part", ["osProfile", "instanceView", "statuses", "tags", "properties"])
@pytest.mark.parametrize("odd", ["text", 5, [None], ["x"]])
def test_a_view_that_is_none_is_asked_for_again(
    azure: Azure, server: Server, part: str, odd: object
) -> None:
    """A bug of the driver would end the forced stop, also one that Azure has begun."""
    body = {
        "statuses": {"properties": {"instanceView": {"statuses": odd}}},
        "tags": {"tags": odd},
        "properties": {"properties": odd},
    }.get(part, {"properties": {part: odd}})
    azure.fault("edit", GET, body=body, count=2)
    assert server.fence() is api.Power.OFF
