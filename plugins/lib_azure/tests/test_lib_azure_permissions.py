"""What our roles let us do is asked, and not tried."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clp_azuresim.roles import Role
from clpcore_lib_azure import Absent, Account, Denied, Silent, permissions, session
from clpcore_lib_azure.permissions import Grant

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

STOP = "Microsoft.Compute/virtualMachines/powerOff/action"
START = "Microsoft.Compute/virtualMachines/start/action"
GROUP = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/TestGroup1"
NODE2 = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/node2"


class Make(Protocol):
    def __call__(self, **changes: Any) -> Account: ...  # noqa: ANN401


def missing(account: Account, *actions: str) -> tuple[str, ...]:
    async def ask() -> tuple[str, ...]:
        try:
            return await permissions.missing(account, NODE2, actions, 5_000)
        finally:
            await session.close()

    return asyncio.run(ask())


def test_what_no_role_allows_is_missing(azure: Azure, account: Make) -> None:
    azure.set_roles(
        Role(actions=("*/read",)),
        Role(actions=("Microsoft.Compute/*",), not_actions=("*/start/action",), scope=GROUP),
        Role(actions=("*",), scope=f"{NODE2}0"),
    )
    assert missing(account(), STOP, START) == (START,)


def test_what_one_role_leaves_out_another_may_allow(azure: Azure, account: Make) -> None:
    azure.set_roles(Role(actions=("*",), not_actions=("*/action",)), Role(actions=(STOP,)))
    assert missing(account(), STOP, START) == (START,)


def test_who_may_not_ask_is_told_the_action(azure: Azure, account: Make) -> None:
    azure.set_roles(Role(actions=(STOP,)))
    with pytest.raises(Denied) as caught:
        missing(account(), STOP)
    assert caught.value.action == permissions.READ


@pytest.mark.parametrize(
    ("body", "lacks"),
    [
        ({"value": [{"actions": ["*"]}]}, ()),
        ({"value": [{"actions": "*"}]}, (STOP,)),
        ({"value": "*"}, (STOP,)),
        ({"value": None}, (STOP,)),
        ({"value": ["*", {"actions": [7, None]}]}, (STOP,)),
        ({"nextLink": "https://evil.example/", "value": []}, (STOP,)),
    ],
)
def test_nothing_strange_is_taken_for_a_right(
    azure: Azure, account: Make, body: object, lacks: tuple[str, ...]
) -> None:
    azure.fault("edit", "permissions", body=body)
    assert missing(account(), STOP) == lacks


def test_the_pages_of_an_answer_are_turned(azure: Azure, account: Make) -> None:
    more = (
        f"{azure.url}{NODE2}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    )
    azure.fault("edit", "permissions", body={"value": [], "nextLink": more}, count=1)
    assert missing(account(), STOP) == ()


def test_an_answer_that_is_none_is_an_error(azure: Azure, account: Make) -> None:
    azure.fault("status", "permissions", status=503, count=1)
    with pytest.raises(Silent):
        missing(account(), STOP)
    azure.fault("status", "permissions", status=404, code="ResourceNotFound", count=1)
    with pytest.raises(Absent):
        missing(account(), STOP)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("*", True),
        ("MICROSOFT.COMPUTE/virtualmachines/poweroff/ACTION", True),
        ("Microsoft.Compute/*/action", True),
        ("*/powerOff/action", True),
        ("Microsoft.Compute/virtualMachines/powerOff", False),
        ("Microsoft.Compute/virtualMachines/.*", False),
        ("*virtualMachines**power*", True),
        ("*powerOff*virtualMachines*", False),  # in another order
        (f"{STOP}*action", False),  # not the same twice
        ("", False),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, fits: bool) -> None:  # noqa: FBT001 - pytest's
    assert Grant((pattern,)).allows(STOP) is fits
    assert Grant(("*",), (pattern,)).allows(STOP) is not fits


def test_stars_without_number_are_compared_at_once() -> None:
    """What was asked of Azure would end at its time; what is computed here would not."""
    began = time.monotonic()
    absurd = Grant(("*" * 5_000 + "x", "*i" * 2_000 + "*zz"))
    assert not absurd.allows("Microsoft.Compute/virtualMachines/powerOff/action")
    assert time.monotonic() - began < 1.0
