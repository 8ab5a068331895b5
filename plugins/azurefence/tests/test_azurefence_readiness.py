"""Whether a forced stop would work is known, in a sentence, long before one is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clp_azuresim.roles import Role
from clpcore import api
from clpcore_azurefence import readiness
from clpcore_azurefence.identity import Machine
from clpcore_azurefence.readiness import Seen

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

READ = "Microsoft.Compute/virtualMachines/read"
STOP = "Microsoft.Compute/virtualMachines/powerOff/action"
LIST = "Microsoft.Authorization/permissions/read"
NODE2 = "/subscriptions/22222222-2222-2222-2222-222222222222/resourceGroups/TestGroup1"
NODE2 += "/providers/Microsoft.Compute/virtualMachines/node2"


class Server(Protocol):
    """node1, which may have to stop node2: see conftest.py."""

    driver: object

    def configure(self, **changes: Any) -> None: ...  # noqa: ANN401 - settings
    def fence(self, patience: int = ..., victim: str = ...) -> api.Power: ...
    def can_fence(self, patience: int = ..., victim: str = ...) -> api.Observation: ...


def test_it_is_normal_when_all_is_there(azure: Azure, server: Server) -> None:
    seen = server.can_fence()
    assert seen == api.Observation(
        api.Health.NORMAL, "VM node2 in TestGroup1 is node2, is running, and may be powered off"
    )
    assert azure.machine("node2").on
    assert azure.journal("powerOff") == []


@pytest.mark.parametrize("actions", [(READ, STOP, LIST), ("*/read", "*/powerOff/action"), ("*",)])
def test_the_least_role_will_do(azure: Azure, server: Server, actions: tuple[str, ...]) -> None:
    azure.set_roles(Role(actions=actions, scope=NODE2))
    assert server.can_fence().health is api.Health.NORMAL
    assert server.fence() is api.Power.OFF


def test_the_right_to_stop_is_looked_for_without_stopping(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=("*/read",)))
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert f"the role lacks {STOP} on VM node2" in seen.sentence
    assert "`clp azure role`" in seen.sentence


def test_a_right_that_a_role_leaves_out_is_none(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=("*",), not_actions=("Microsoft.Compute/*/action",)))
    assert server.can_fence().health is api.Health.ERROR


def test_a_right_on_another_machine_is_none(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=("*/read",)), Role(actions=("*",), scope=f"{NODE2}0"))
    assert server.can_fence().health is api.Health.ERROR


def test_a_role_that_cannot_be_listed_is_not_known(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=(READ, STOP)))
    seen = server.can_fence()
    assert seen.health is api.Health.WARNING
    assert f"is not known: it lacks {LIST}" in seen.sentence


def test_a_role_that_may_not_read_is_an_error(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=(STOP, LIST)))
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert f"may not {READ} on " in seen.sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vm_name": "node9"}, "404 ResourceNotFound"),
        ({"resource_group": "NoGroup"}, "404 ResourceGroupNotFound"),
        ({"vm_name": "node1"}, "is this server itself, not node2. Correct server.node2.vm_name"),
        ({"tenant_id": "99999999-1111-1111-1111-111111111111"}, "orrect tenant_id"),
        ({"application_id": "99999999-1111-1111-1111-111111111111"}, "cannot sign in"),
        ({"certificate_file": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_what_is_wrong_is_an_error_with_the_next_step(
    server: Server, changes: dict[str, Any], said: str
) -> None:
    server.configure(**changes)
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert said in seen.sentence


@pytest.mark.parametrize("sort", ["expired", "early", "unregistered", "elliptic"])
def test_a_certificate_that_cannot_sign_in_is_an_error(
    azure: Azure, server: Server, sort: str
) -> None:
    server.configure(certificate_file=str(azure.certificate(sort)))
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert "certificate" in seen.sentence


def test_a_clock_that_is_wrong_is_named(azure: Azure, server: Server) -> None:
    azure.set_tokens(skew=3_600)
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert "Set the clock of this server (timedatectl)" in seen.sentence


@pytest.mark.parametrize(
    ("status", "health", "said"),
    [
        (401, api.Health.ERROR, "Correct tenant_id"),
        (403, api.Health.ERROR, "Look at the roles of"),
        (404, api.Health.ERROR, "Correct subscription_id, resource_group and the name"),
        (409, api.Health.ERROR, "Look at it in the portal"),
        (412, api.Health.ERROR, "Somebody else has changed it"),
        (429, api.Health.UNKNOWN, "It wants to be asked"),
        (500, api.Health.UNKNOWN, "status.azure.com"),
    ],
)
def test_each_answer_of_azure_has_a_next_step(
    azure: Azure, server: Server, status: int, health: api.Health, said: str
) -> None:
    azure.fault("status", r"node2\?", status=status, count=None)
    seen = server.can_fence()
    assert (seen.health, said in seen.sentence) == (health, True), seen.sentence


def test_a_stranger_is_an_error(azure: Azure, server: Server) -> None:
    body = {"properties": {"instanceView": {"computerName": "db7"}}}
    azure.fault("edit", r"node2\?", count=None, body=body)
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert "calls itself db7, and not node2" in seen.sentence
    assert "Until then nobody stops it by force" in seen.sentence


def test_a_machine_that_would_not_be_known_when_it_hangs_is_worth_a_warning(
    azure: Azure, server: Server
) -> None:
    body = {"properties": {"osProfile": {"computerName": "template"}}}
    azure.fault("edit", r"node2\?", count=None, body=body)
    seen = server.can_fence()
    assert seen.health is api.Health.WARNING
    assert "only while its agent answers: not when it hangs" in seen.sentence
    assert "Give it the tag clpcore-server = node2" in seen.sentence
    assert server.fence() is api.Power.OFF


def test_a_file_of_another_resource_group_is_an_error(azure: Azure, server: Server) -> None:
    """node2 of production, in a file that was copied to a test."""
    body = {"resourceGroupName": "TestGroup2"}
    azure.fault("edit", "/metadata/instance", count=None, body=body)
    seen = server.can_fence()
    assert seen.health is api.Health.ERROR
    assert "is not where this server is" in seen.sentence


def test_outside_of_azure_it_says_that_names_alone_are_known(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    seen = server.can_fence()
    assert seen.health is api.Health.NORMAL
    assert "127.0.0.1:1" in seen.sentence


@pytest.mark.parametrize("body", ["no json", "[]", '{"name": "node1"}', '{"name": 7}', "null"])
def test_something_else_at_the_address_of_the_metadata_service(
    azure: Azure, server: Server, body: str
) -> None:
    azure.fault("status", "/metadata/instance", status=404, text=body, count=None)
    seen = server.can_fence()
    assert seen.health is api.Health.NORMAL
    assert "does not say which machine this is" in seen.sentence


@pytest.mark.parametrize("wrong", ["hang", "reset"])
def test_an_azure_that_does_not_answer_is_no_answer(
    azure: Azure, server: Server, wrong: str
) -> None:
    server.configure(request_timeout=600)
    azure.fault(wrong, "virtualMachines", count=None)
    seen = server.can_fence()
    assert seen.health is api.Health.UNKNOWN
    assert "VM node2 in TestGroup1: no answer" in seen.sentence


def test_a_managed_identity_needs_no_certificate(server: Server) -> None:
    server.configure(managed_identity=True, certificate_file="", application_id="", tenant_id="")
    assert server.can_fence().health is api.Health.NORMAL
    assert server.fence() is api.Power.OFF


# -- what the sentence says


MACHINE = Machine(
    name="node2", resource_group="TestGroup1", vm_id="two", made_as="node2", power="running"
)


def test_little_budget_is_worth_a_warning() -> None:
    budget = {"subscription-reads": 9, "subscription-writes": 199}
    seen = Seen(name="node2", victim="node2", machine=MACHINE, lacking=(), budget=budget)
    assert readiness.judge(seen) == api.Observation(
        api.Health.WARNING,
        "Azure is about to throttle: it allows 9 of subscription-reads more. Ask it less often",
    )


def test_a_long_answer_is_cut() -> None:
    seen = Seen(name="node2", victim="node2", error=api.Failed("a\n" * 300))
    said = readiness.judge(seen).sentence
    assert len(said) <= 300
    assert "\n" not in said
