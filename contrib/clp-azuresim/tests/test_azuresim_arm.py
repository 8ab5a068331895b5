"""The gateway: tokens, roles, api-versions, throttling, and what is not there."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import cast

import httpx
import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.rest import HttpResponse
from azure.identity import CertificateCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.dns import DnsManagementClient

from clp_azuresim.azure import Azure
from clp_azuresim.roles import Role
from clp_azuresim.throttle import Use

_GROUP, _ZONE = "TestGroup1", "cluster1.zone"


@pytest.fixture
def web(
    azure: Azure, azure_sign_in: Callable[..., CertificateCredential]
) -> Iterator[httpx.Client]:
    """A plain client with a good token."""
    token = azure_sign_in().get_token(f"{azure.url}/.default").token
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(verify=context, base_url=azure.url, headers=headers) as client:
        yield client


@pytest.fixture
def zone(azure: Azure) -> str:
    """The path of the zone."""
    group = f"/subscriptions/{azure.subscription}/resourceGroups/{_GROUP}"
    return f"{group}/providers/Microsoft.Network/dnsZones/{_ZONE}"


def _scope(azure: Azure, rest: str) -> str:
    return f"/subscriptions/{azure.subscription}/resourceGroups/{_GROUP}/providers/{rest}"


def test_without_a_token_nobody_gets_in(azure: Azure, web: httpx.Client, zone: str) -> None:
    answer = web.get(zone, params={"api-version": "2018-05-01"}, headers={"Authorization": ""})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "AuthenticationFailed"
    assert azure.tenant in answer.headers["WWW-Authenticate"]


def test_a_token_of_nobody_is_refused(web: httpx.Client, zone: str) -> None:
    answer = web.get(zone, headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "InvalidAuthenticationToken"


def test_a_token_that_expired_is_refused(azure: Azure, azure_dns: DnsManagementClient) -> None:
    azure_dns.zones.get(_GROUP, _ZONE)
    azure.set_tokens(skew=4000)
    with pytest.raises(ClientAuthenticationError, match="ExpiredAuthenticationToken"):
        azure_dns.zones.get(_GROUP, _ZONE)


def test_what_a_role_does_not_name_is_refused_with_action_and_scope(
    azure: Azure, azure_dns: DnsManagementClient
) -> None:
    actions = tuple(
        f"Microsoft.Network/dnsZones/{each}" for each in ("A/write", "A/delete", "NS/read")
    )
    azure.set_roles(Role(actions=actions))
    azure_dns.record_sets.get(_GROUP, _ZONE, "@", "NS")
    with pytest.raises(HttpResponseError) as refused:
        azure_dns.record_sets.get(_GROUP, _ZONE, "test-record1", "A")
    error = refused.value
    assert (error.status_code, error.error and error.error.code) == (403, "AuthorizationFailed")
    assert "action 'Microsoft.Network/dnsZones/A/read' over scope '/subscriptions/" in str(error)
    assert azure.application in str(error)


def test_wildcards_and_what_is_taken_away(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_roles(
        Role(actions=("Microsoft.Compute/*/read",), not_actions=("*/instanceView/read",))
    )
    assert azure_compute.virtual_machines.get(_GROUP, "node1").name == "node1"
    with pytest.raises(HttpResponseError, match="instanceView/read"):
        azure_compute.virtual_machines.instance_view(_GROUP, "node1")


def test_a_scope_ends_at_whole_names(azure: Azure, azure_compute: ComputeManagementClient) -> None:
    vms = "Microsoft.Compute/virtualMachines"
    azure.set_roles(Role(actions=("*",), scope=_scope(azure, f"{vms}/node")))
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        azure_compute.virtual_machines.get(_GROUP, "node1")
    azure.set_roles(Role(actions=("*",), scope=_scope(azure, f"{vms}/NODE1")))
    assert azure_compute.virtual_machines.get(_GROUP, "node1").name == "node1"
    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        azure_compute.virtual_machines.get(_GROUP, "node2")


def test_an_operation_is_polled_by_who_may_only_begin_it(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_roles(
        Role(
            actions=("Microsoft.Compute/virtualMachines/powerOff/action",),
            scope=_scope(azure, "Microsoft.Compute/virtualMachines/node1"),
        )
    )
    azure_compute.virtual_machines.begin_power_off(
        _GROUP, "node1", skip_shutdown=True, polling_interval=0.05
    ).result()


@pytest.mark.parametrize(
    ("version", "status", "code"),
    [
        (None, 400, "MissingApiVersionParameter"),
        ("latest", 400, "InvalidApiVersionParameter"),
        ("2099-01-01", 400, "NoRegisteredProviderFound"),
        ("2018-05-01", 200, None),
    ],
)
def test_api_versions_are_checked(
    web: httpx.Client, zone: str, version: str | None, status: int, code: str | None
) -> None:
    answer = web.get(zone, params={"api-version": version} if version else {})
    assert answer.status_code == status
    assert code is None or answer.json()["error"]["code"] == code


def test_throttling_says_when_to_come_back(azure: Azure, azure_dns: DnsManagementClient) -> None:
    azure.set_limit(Use.READ, size=2, rate=0.5)
    for _ in range(2):
        azure_dns.zones.get(_GROUP, _ZONE)
    with pytest.raises(HttpResponseError) as refused:
        azure_dns.zones.get(_GROUP, _ZONE)
    assert refused.value.status_code == 429
    response = cast("HttpResponse", refused.value.response)
    assert response.headers["Retry-After"] == "2"
    assert "SubscriptionRequestsThrottled" in str(refused.value)


def test_the_budget_is_told_with_every_answer(azure: Azure, web: httpx.Client, zone: str) -> None:
    azure.set_limit(Use.READ, size=10, rate=0.001)
    answer = web.get(zone, params={"api-version": "2018-05-01"})
    assert answer.headers["x-ms-ratelimit-remaining-subscription-reads"] == "9"


def test_writes_have_a_bucket_of_their_own(
    azure: Azure, azure_compute: ComputeManagementClient
) -> None:
    azure.set_limit(Use.READ, size=1, rate=0.001)
    azure_compute.virtual_machines.get(_GROUP, "node1")
    azure_compute.virtual_machines.begin_power_off(_GROUP, "node1", polling=False)


def test_what_is_not_there(
    azure: Azure, azure_compute: ComputeManagementClient, web: httpx.Client, zone: str
) -> None:
    with pytest.raises(ResourceNotFoundError, match="node9' under resource group 'TestGroup1'"):
        azure_compute.virtual_machines.get(_GROUP, "node9")
    with pytest.raises(ResourceNotFoundError, match="ResourceGroupNotFound"):
        azure_compute.virtual_machines.get("OtherGroup", "node1")
    version = {"api-version": "2018-05-01"}
    other = web.get(zone.replace(azure.subscription, "0"), params=version)
    assert other.json()["error"]["code"] == "SubscriptionNotFound"
    vaults = web.get(f"{_scope(azure, 'Microsoft.KeyVault/vaults/x')}", params=version)
    assert vaults.json()["error"]["code"] == "InvalidResourceType"


def test_permissions_tell_what_may_be_done_without_doing_it(
    azure: Azure, web: httpx.Client
) -> None:
    node1 = _scope(azure, "Microsoft.Compute/virtualMachines/node1")
    asked = "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
    azure.set_roles(
        Role(actions=("Microsoft.Compute/virtualMachines/powerOff/action",), scope=node1),
        Role(actions=("Microsoft.Authorization/permissions/read",), scope=node1),
    )
    told = web.get(f"{node1}{asked}").json()["value"]
    assert [each["actions"] for each in told] == [
        ["Microsoft.Compute/virtualMachines/powerOff/action"],
        ["Microsoft.Authorization/permissions/read"],
    ]
    assert web.get(f"{node1[:-1]}2{asked}").status_code == 403


def test_a_body_that_is_none_is_refused(web: httpx.Client, zone: str) -> None:
    url = f"{zone}/A/x?api-version=2018-05-01"
    for body in (b"", b"[]", b"{", b"\xff"):
        answer = web.put(url, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (
            400,
            "InvalidRequestContent",
        )
    assert web.put(url, content=b" " * 2_000_000).status_code == 413
