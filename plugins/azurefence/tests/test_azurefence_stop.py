"""A forced stop in a simulated Azure, through the real SDK, with all that goes wrong there."""

from __future__ import annotations

import time
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clp_azuresim.roles import Role
from clpcore import api
from clpcore_azurefence import asking, course

if TYPE_CHECKING:
    from clp_azuresim.azure import Azure

HOME = "https://management.azure.com"
POST = "node2/powerOff"
GET = r"node2\?"
READ = "Microsoft.Compute/virtualMachines/read"
STOP = "Microsoft.Compute/virtualMachines/powerOff/action"


class Server(Protocol):
    """node1, which may have to stop node2: see conftest.py."""

    driver: object

    def configure(self, **changes: Any) -> None: ...  # noqa: ANN401 - settings
    def fence(self, patience: int = ..., victim: str = ...) -> api.Power: ...
    def can_fence(self, patience: int = ..., victim: str = ...) -> api.Observation: ...


def requests(azure: Azure) -> list[Mapping[str, str]]:
    return [entry.query for entry in azure.journal("powerOff")]


def test_it_is_off_when_azure_says_so(azure: Azure, server: Server) -> None:
    assert server.fence() is api.Power.OFF
    assert azure.machine("node2").state == "stopped"
    assert azure.machine("node1").on
    (query,) = requests(azure)
    assert query["skipShutdown"] == "true"
    assert azure.journal("restart") == []


def test_who_is_off_already_is_not_asked_to_be(azure: Azure, server: Server) -> None:
    azure.set_power("node2", on=False)
    assert server.fence() is api.Power.OFF
    assert requests(azure) == []


def test_a_deallocated_machine_is_off(azure: Azure, server: Server) -> None:
    azure.fault("edit", GET, count=None, body=_view("deallocated"))
    assert server.fence() is api.Power.OFF


def test_it_does_not_wait_much_longer_than_azure_takes(azure: Azure, server: Server) -> None:
    azure.set_timing(operation=1.3)
    server.can_fence()
    began = time.monotonic()
    assert server.fence() is api.Power.OFF
    assert time.monotonic() - began < 1.3 + 0.5


# -- what goes wrong


@pytest.mark.parametrize(
    ("path", "status"),
    [(POST, 409), (POST, 412), (POST, 429), (POST, 500), (POST, 503), (GET, 429), (GET, 500)],
)
def test_an_azure_in_trouble_is_asked_again(
    azure: Azure, server: Server, path: str, status: int
) -> None:
    azure.fault("status", path, status=status, code="InTrouble", count=1)
    assert server.fence() is api.Power.OFF


@pytest.mark.parametrize("path", [POST, GET])
@pytest.mark.parametrize("wrong", ["hang", "reset", "lost"])
def test_a_request_without_an_answer_is_made_again(
    azure: Azure, server: Server, path: str, wrong: str
) -> None:
    server.configure(request_timeout=600)
    azure.fault(wrong, path, count=1)
    assert server.fence() is api.Power.OFF


def test_a_long_retry_after_is_not_slept_away(
    azure: Azure, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "_LONGEST_PAUSE", 1_500)
    azure.fault("status", POST, status=429, headers={"Retry-After": "120"}, count=1)
    began = time.monotonic()
    assert server.fence() is api.Power.OFF
    assert 1.5 <= time.monotonic() - began < 4.0


def test_a_request_that_was_accepted_and_forgotten_is_made_again(
    azure: Azure, server: Server
) -> None:
    azure.fault("forget", POST, count=1)
    assert server.fence() is api.Power.OFF
    assert len(requests(azure)) == 2


@pytest.mark.parametrize("wrong", ["hang", "reset"])
def test_the_operation_is_a_hint_and_no_more(azure: Azure, server: Server, wrong: str) -> None:
    server.configure(request_timeout=600)
    azure.fault(wrong, "/operations/", count=None)
    assert server.fence() is api.Power.OFF


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_operation_that_cannot_be_looked_at_matters_to_nobody(
    azure: Azure, server: Server, status: int
) -> None:
    azure.fault("status", "/operations/", status=status, count=None)
    assert server.fence() is api.Power.OFF


@pytest.mark.parametrize(
    ("places", "followed"),
    [
        ({"Azure-AsyncOperation": f"{HOME}/subscriptions/x/operations/1"}, True),
        ({"Location": f"{HOME}/subscriptions/x/operations/1"}, True),
        ({"Azure-AsyncOperation": "https://evil.example/operations/1"}, False),
        (
            {"Azure-AsyncOperation": f"{HOME}/operations/1", "Location": "https://evil.example"},
            False,
        ),
        ({"Azure-AsyncOperation": "http://management.azure.com/operations/1"}, False),
        ({"Azure-AsyncOperation": f"{HOME}.evil.example/operations/1"}, False),
        ({}, False),
    ],
)
def test_the_token_follows_no_answer_to_another_host(
    places: dict[str, str],
    followed: bool,  # noqa: FBT001 - pytest's
) -> None:
    request = types.SimpleNamespace(method="POST", url=f"{HOME}/subscriptions/x")
    answer = types.SimpleNamespace(status_code=202, headers=places, request=request)
    progress = asking.Progress(HOME)
    response: Any = types.SimpleNamespace(http_response=answer)
    progress.initialize(None, response, None)
    assert progress.can_be_asked is followed


# -- what is not known is not off


def _ends(server: Server, patience: int) -> str:
    """Let it fail to know; give what it says. It keeps its deadline."""
    began = time.monotonic()
    with pytest.raises(api.Failed) as caught:
        server.fence(patience)
    assert time.monotonic() - began < patience / 1_000
    return str(caught.value)


def test_a_request_that_is_always_forgotten_is_not_off(azure: Azure, server: Server) -> None:
    azure.fault("forget", POST, count=None)
    said = _ends(server, 2_000)
    assert said.startswith("VM node2 in TestGroup1 is not known to be off; Azure has taken ")
    assert len(requests(azure)) > 1
    assert "its power was last read as running" in said


def test_one_that_lands_late_is_not_known_at_the_deadline(azure: Azure, server: Server) -> None:
    """It is told from success by the boot id later: see the core's decide/fencing.py."""
    azure.fault("late", POST, seconds=3.0, count=None)
    said = _ends(server, 2_000)
    assert "is not known to be off" in said
    assert azure.machine("node2").on
    azure.wait_for(lambda: not azure.machine("node2").on)
    assert server.fence() is api.Power.OFF  # asked again, it is read


def test_an_azure_that_hangs_is_not_off(azure: Azure, server: Server) -> None:
    server.configure(request_timeout=600)
    server.can_fence()
    azure.fault("hang", "virtualMachines", count=None)
    said = _ends(server, 2_500)
    assert "no answer from 127.0.0.1" in said
    assert "Can this server reach it" in said


def test_an_entra_that_is_in_trouble_is_not_off(azure: Azure, server: Server) -> None:
    azure.fault("status", "/oauth2/", status=500, count=None)
    assert "not known to be off" in _ends(server, 2_500)
    assert requests(azure) == []


def test_an_azure_that_throttles_all_the_time_is_named(azure: Azure, server: Server) -> None:
    azure.fault("status", POST, status=429, code="OperationNotAllowed", count=None)
    said = _ends(server, 2_000)
    assert "Azure answers 429 OperationNotAllowed" in said
    assert "wants to be asked less often" in said


@pytest.mark.parametrize("power", ["stopping", "unknown", "starting", "running"])
def test_no_other_power_state_is_off(azure: Azure, server: Server, power: str) -> None:
    azure.fault("edit", GET, count=None, body=_view(power))
    assert f"last read as {power}" in _ends(server, 2_000)


def test_an_answer_without_a_power_state_is_not_off(azure: Azure, server: Server) -> None:
    azure.fault("edit", GET, count=None, body={"properties": {"instanceView": None}})
    assert "is not known to be off" in _ends(server, 2_000)


# -- what cannot work is said at once


def test_a_missing_action_is_named_with_its_scope(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=(READ,)))
    with pytest.raises(api.Misconfigured) as caught:
        server.fence()
    said = str(caught.value)
    assert STOP in said
    assert "resourceGroups/TestGroup1/providers/Microsoft.Compute/virtualMachines/node2" in said
    assert "Give it a role with this action there" in said
    assert azure.machine("node2").on


def test_a_role_that_may_not_read_stops_nobody(azure: Azure, server: Server) -> None:
    azure.set_roles(Role(actions=(STOP,)))
    with pytest.raises(api.Misconfigured, match=READ):
        server.fence()
    assert requests(azure) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vm_name": "node9"}, "Azure answers 404 ResourceNotFound"),
        ({"resource_group": "NoGroup"}, "Azure answers 404 ResourceGroupNotFound"),
        (
            {"subscription_id": "99999999-2222-2222-2222-222222222222"},
            "Azure answers 404 SubscriptionNotFound",
        ),
    ],
)
def test_a_machine_that_is_not_there_is_said_at_once(
    server: Server, changes: dict[str, str], said: str
) -> None:
    server.configure(**changes)
    with pytest.raises(api.Misconfigured, match=said):
        server.fence()


@pytest.mark.parametrize(
    ("sort", "said"),
    [("expired", "has expired"), ("unregistered", "Register the certificate")],
)
def test_a_certificate_that_cannot_sign_in_is_said_at_once(
    azure: Azure, server: Server, sort: str, said: str
) -> None:
    server.configure(certificate_file=str(azure.certificate(sort)))
    with pytest.raises(api.Misconfigured, match=said):
        server.fence()


def test_a_request_that_was_taken_is_waited_for_when_the_right_to_read_is_gone(
    azure: Azure, server: Server
) -> None:
    azure.set_timing(operation=1.5)
    azure.fault("status", GET, status=403, skip=1, count=1)
    assert server.fence() is api.Power.OFF


# -- strangers


def test_a_stranger_is_not_stopped(azure: Azure, server: Server) -> None:
    azure.fault("edit", GET, count=None, body=_calls_itself("db7"))
    with pytest.raises(api.Misconfigured) as caught:
        server.fence()
    assert "calls itself db7, and not node2" in str(caught.value)
    assert "Until then nobody stops it by force" in str(caught.value)
    assert requests(azure) == []


def test_a_stranger_that_is_off_is_no_proof(azure: Azure, server: Server) -> None:
    """The name leads to somebody else's machine, which is off; node2 is running."""
    azure.set_power("node2", on=False)
    azure.fault("edit", GET, count=None, body=_calls_itself("db7"))
    with pytest.raises(api.Misconfigured, match="calls itself db7"):
        server.fence()


_SILENT = {"properties": {"osProfile": None, "instanceView": {"computerName": None}}}


def test_a_machine_that_says_nothing_may_be_a_stranger(azure: Azure, server: Server) -> None:
    azure.fault("edit", GET, count=None, body=_SILENT)
    with pytest.raises(api.Misconfigured, match="does not say what it calls itself"):
        server.fence()
    assert requests(azure) == []


def test_a_machine_that_says_nothing_any_more_is_the_one_that_it_was(
    azure: Azure, server: Server
) -> None:
    """It hangs, and so does its agent."""
    server.can_fence()
    azure.fault("edit", GET, count=None, body=_SILENT)
    assert server.fence() is api.Power.OFF


def test_swapped_names_do_not_stop_this_server(azure: Azure, server: Server) -> None:
    server.configure(vm_name="node1")
    with pytest.raises(api.Misconfigured, match="VM node1 in TestGroup1 is this server itself"):
        server.fence()
    assert azure.machine("node1").on
    assert requests(azure) == []


def test_a_name_that_became_somebody_elses_since_the_check_is_not_stopped(
    azure: Azure, server: Server
) -> None:
    server.can_fence()
    body = {"properties": {**_calls_itself("db7")["properties"], "vmId": "another"}}
    azure.fault("edit", GET, count=None, body=body)
    with pytest.raises(api.Misconfigured, match="calls itself db7"):
        server.fence()
    assert requests(azure) == []


def test_a_server_whose_names_are_not_those_of_azure(azure: Azure, server: Server) -> None:
    server.configure(vm_name="node2")
    azure.fault("edit", GET, count=None, body={"tags": {"clpcore-server": "db"}})
    assert server.fence(victim="db") is api.Power.OFF


# -- secrets


def test_no_secret_is_shown(azure: Azure, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    azure.fault("status", POST, status=500, count=None)
    said = _ends(server, 2_000)
    key = azure.certificate().read_text().split("-----")[2].split()[0]
    for text in (said, caplog.text, repr(server.driver)):
        assert "eyJ" not in text
        assert key not in text


def _view(power: str) -> dict[str, dict[str, dict[str, list[dict[str, str]]]]]:
    statuses = [{"code": f"PowerState/{power}"}]
    return {"properties": {"instanceView": {"statuses": statuses}}}


def _calls_itself(name: str) -> dict[str, dict[str, object]]:
    view = {"computerName": name}
    return {"properties": {"osProfile": {"computerName": name}, "instanceView": view}}
