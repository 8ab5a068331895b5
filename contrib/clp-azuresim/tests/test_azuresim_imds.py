"""The metadata service: identity, instance, scheduled events and what approves them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.dns import DnsManagementClient

from clp_azuresim.azure import Azure
from clp_azuresim.plan import MachinePlan, Plan, guide

_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
_INSTANCE = "/metadata/instance?api-version=2021-02-01"
Look = Callable[..., dict[str, Any]]


@pytest.fixture
def azure_plan() -> Plan:
    node1, node2 = guide().machines
    other = MachinePlan(name="node3", address="10.5.0.112", resource_group="OtherGroup")
    together = (attrs.evolve(each, availability_set="set1") for each in (node1, node2))
    return attrs.evolve(guide(), machines=(*together, other))


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture
def look(azure: Azure, web: httpx.Client) -> Look:
    """Read the scheduled events as a machine does, or approve one."""

    def ask(machine: str = "node1", approve: str = "") -> dict[str, Any]:
        url, headers = f"{azure.imds[machine]}{_EVENTS}", {"Metadata": "true"}
        if approve:
            body = {"StartRequests": [{"EventId": approve}]}
            answer = web.post(url, headers=headers, json=body)
            return {"status": answer.status_code}
        found: dict[str, Any] = web.get(url, headers=headers).json()
        return found

    return ask


def test_a_managed_identity_signs_in(
    azure: Azure, azure_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node1"])
    with (
        ManagedIdentityCredential() as credential,
        DnsManagementClient(credential, azure.subscription, **azure_settings) as client,
    ):
        assert client.zones.get("TestGroup1", "cluster1.zone").name == "cluster1.zone"
    assert azure.journal("identity")[0].who == "node1"


def test_a_machine_without_an_identity_gets_no_token(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imds["node3"])
    with (
        ManagedIdentityCredential() as credential,
        pytest.raises(ClientAuthenticationError, match="Identity not found"),
    ):
        credential.get_token(f"{azure.url}/.default")


def test_each_machine_is_told_who_it_is(azure: Azure, web: httpx.Client) -> None:
    for name, group in (("node1", "TestGroup1"), ("node3", "OtherGroup")):
        url = f"{azure.imds[name]}{_INSTANCE}"
        told = web.get(url, headers={"Metadata": "true"}).json()["compute"]
        assert (told["name"], told["resourceGroupName"]) == (name, group)
        assert told["subscriptionId"] == azure.subscription
        assert told["vmId"] == azure.machine(name).vm_id


def test_a_part_of_it_can_be_asked_for(azure: Azure, web: httpx.Client) -> None:
    url = f"{azure.imds['node1']}/metadata/instance/compute/name?api-version=2021-02-01"
    answer = web.get(f"{url}&format=text", headers={"Metadata": "true"})
    assert answer.text == "node1"
    assert web.get(url, headers={"Metadata": "true"}).status_code == 400


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?api-version=2021-02-01", {}),
        ("?api-version=2021-02-01", {"Metadata": "true", "X-Forwarded-For": "10.5.0.1"}),
        ("", {"Metadata": "true"}),
        ("?api-version=latest", {"Metadata": "true"}),
    ],
)
def test_what_is_asked_badly(
    azure: Azure, web: httpx.Client, query: str, headers: dict[str, str]
) -> None:
    answer = web.get(f"{azure.imds['node1']}/metadata/instance{query}", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Bad request")


@pytest.mark.parametrize("kind", ["Freeze", "Reboot", "Redeploy", "Preempt", "Terminate"])
def test_an_event_is_announced_approved_and_over(azure: Azure, look: Look, kind: str) -> None:
    before = look()["DocumentIncarnation"]
    event = azure.schedule(kind, ["node2"], duration=5)
    document = look()
    (told,) = document["Events"]
    assert document["DocumentIncarnation"] == before + 1
    assert told["EventId"] == event
    assert (told["EventType"], told["EventStatus"]) == (kind, "Scheduled")
    assert (told["Resources"], told["DurationInSeconds"]) == (["node2"], 5)
    assert told["NotBefore"].endswith("GMT")
    assert look("node2", approve=event) == {"status": 200}
    (told,) = look()["Events"]
    assert (told["EventStatus"], told["NotBefore"]) == ("Started", "")
    shown = azure.event(event)
    assert shown is not None
    assert shown["approved_by"] == ["node2"]
    azure.end_event(event)
    assert look()["Events"] == []
    assert look()["DocumentIncarnation"] == before + 3


def test_only_machines_of_the_set_see_an_event(azure: Azure, look: Look) -> None:
    event = azure.schedule("Reboot", ["node2"])
    assert len(look("node1")["Events"]) == len(look("node2")["Events"]) == 1
    assert look("node3")["Events"] == []
    assert look("node3", approve=event) == {"status": 400}
    assert look("node1", approve=event) == {"status": 200}


def test_nobody_approves_and_it_starts_at_its_time(azure: Azure, look: Look) -> None:
    azure.schedule("Freeze", ["node1"], notice=0.1)
    azure.wait_for(lambda: look()["Events"][0]["EventStatus"] == "Started")


def test_a_failure_starts_at_once(azure: Azure, look: Look) -> None:
    azure.schedule("Reboot", ["node1"], notice=0)
    assert look()["Events"][0]["EventStatus"] == "Started"


def test_cancelled_ones_never_start(azure: Azure, look: Look) -> None:
    event = azure.schedule("Terminate", ["node1"], notice=0.1, real=True)
    azure.end_event(event)
    assert look()["Events"] == []
    assert azure.event(event) is None
    time.sleep(0.2)  # past its time
    assert look()["Events"] == []
    assert azure.machine("node1").on


def test_it_is_done_to_the_machines(azure: Azure, look: Look) -> None:
    event = azure.schedule("Terminate", ["node2"], real=True, lasts=0.05)
    look("node1", approve=event)
    azure.wait_for(lambda: not azure.machine("node2").on)
    azure.wait_for(lambda: look()["Events"] == [])
    assert azure.machine("node1").on


def test_events_overlap(azure: Azure, look: Look) -> None:
    first, second = azure.schedule("Freeze", ["node1"]), azure.schedule("Reboot", ["node1"])
    look(approve=second)
    told = {each["EventId"]: each["EventStatus"] for each in look()["Events"]}
    assert told == {first: "Scheduled", second: "Started"}


def test_the_first_look_takes_long_once(azure: Azure, look: Look) -> None:
    azure.set_first_look(0.2)
    began = time.monotonic()
    look()
    assert time.monotonic() - began >= 0.2
    azure.set_first_look(60)  # the test does not last so long
    look()


def test_a_users_restart_waits_for_approval_where_events_are_looked_at(
    azure: Azure, look: Look, azure_compute: ComputeManagementClient
) -> None:
    look("node2")
    poller = azure_compute.virtual_machines.begin_restart(
        "TestGroup1", "node2", polling_interval=0.05
    )
    (told,) = azure.wait_for(lambda: look()["Events"])
    assert (told["EventType"], told["EventSource"]) == ("Reboot", "User")
    assert not poller.done()
    look("node1", approve=told["EventId"])
    poller.result(5)
    assert poller.status() == "Succeeded"


def test_approvals_are_judged(azure: Azure, web: httpx.Client) -> None:
    url, headers = f"{azure.imds['node1']}{_EVENTS}", {"Metadata": "true"}
    for body in ({}, {"StartRequests": "x"}, {"StartRequests": [{"EventId": "x"}]}):
        assert web.post(url, headers=headers, json=body).status_code == 400
    assert web.post(url, headers=headers, content=b"{").status_code == 400
    assert web.put(url, headers=headers).status_code == 405
