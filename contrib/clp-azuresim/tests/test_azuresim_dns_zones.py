"""Zones and record sets through the real azure-mgmt-dns: etags, conditions, validation, shapes."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from typing import Any, cast

import aiohttp
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import HttpResponse
from azure.identity.aio import CertificateCredential
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.dns.aio import DnsManagementClient as AioDnsManagementClient
from azure.mgmt.dns.models import ARecord, RecordSet

from clp_azuresim.azure import Azure

_GROUP, _ZONE, _NAME = "TestGroup1", "cluster1.zone", "test-record1"
_PLACE = (_GROUP, _ZONE, _NAME, "A")


def _to(address: str, ttl: int = 60, **metadata: str) -> RecordSet:
    return RecordSet(ttl=ttl, a_records=[ARecord(ipv4_address=address)], metadata=metadata or None)


def _status(error: HttpResponseError) -> tuple[int | None, str | None]:
    return error.status_code, error.error.code if error.error else None


def test_a_record_set_is_made_changed_and_deleted(
    azure: Azure, azure_dns: DnsManagementClient
) -> None:
    sets = azure_dns.record_sets
    made = sets.create_or_update(*_PLACE, _to("10.5.0.110", epoch="7"))
    changed = sets.create_or_update(*_PLACE, _to("10.5.0.111", ttl=3600, epoch="8"))
    assert made.etag != changed.etag
    read = sets.get(*_PLACE)
    assert read.a_records is not None
    assert [each.ipv4_address for each in read.a_records] == ["10.5.0.111"]
    assert (read.ttl, read.metadata, read.etag) == (3600, {"epoch": "8"}, changed.etag)
    sets.delete(*_PLACE)
    assert azure.record(_ZONE, _NAME) is None
    with pytest.raises(ResourceNotFoundError, match="does not exist in resource group"):
        sets.get(*_PLACE)


def test_statuses_are_those_of_azure(azure: Azure, azure_dns: DnsManagementClient) -> None:
    sets = azure_dns.record_sets
    sets.create_or_update(*_PLACE, _to("10.5.0.110"))
    sets.create_or_update(*_PLACE, _to("10.5.0.111"))
    sets.delete(*_PLACE)
    sets.delete(*_PLACE)
    assert [entry.status for entry in azure.journal(_NAME)] == [201, 200, 200, 204]


def test_the_shape_is_the_recorded_one(azure: Azure, azure_dns: DnsManagementClient) -> None:
    answers: list[Any] = []
    azure_dns.record_sets.create_or_update(
        *_PLACE, _to("10.5.0.110"), raw_response_hook=answers.append
    )
    response = answers[0].http_response
    body = response.json()
    group = f"/subscriptions/{azure.subscription}/resourceGroups/{_GROUP}/providers"
    assert body == {
        "id": f"{group}/Microsoft.Network/dnszones/{_ZONE}/A/{_NAME}",
        "name": _NAME,
        "type": "Microsoft.Network/dnszones/A",
        "etag": body["etag"],
        "properties": {
            "fqdn": f"{_NAME}.{_ZONE}.",
            "TTL": 60,
            "ARecords": [{"ipv4Address": "10.5.0.110"}],
            "targetResource": {},
            "provisioningState": "Succeeded",
        },
    }
    assert response.headers["ETag"] == body["etag"]  # without quotes
    left = response.headers["x-ms-ratelimit-remaining-subscription-resource-requests"]
    assert left == "11999"


def test_a_new_zone_has_two_record_sets(azure_dns: DnsManagementClient) -> None:
    zone = azure_dns.zones.get(_GROUP, _ZONE)
    assert zone.number_of_record_sets == 2
    assert zone.name_servers is not None
    assert [name[-1] for name in zone.name_servers] == [".", ".", ".", "."]
    servers = azure_dns.record_sets.get(_GROUP, _ZONE, "@", "NS")
    assert servers.ttl == 172_800
    assert servers.ns_records is not None
    assert [each.nsdname for each in servers.ns_records] == zone.name_servers
    assert [zone.name for zone in azure_dns.zones.list_by_resource_group(_GROUP)] == [_ZONE]
    found = azure_dns.record_sets.list_by_dns_zone(_GROUP, _ZONE)
    assert {each.type for each in found} == {
        "Microsoft.Network/dnszones/NS",
        "Microsoft.Network/dnszones/SOA",
    }


def test_an_etag_must_match(azure: Azure, azure_dns: DnsManagementClient) -> None:
    sets = azure_dns.record_sets
    old = sets.create_or_update(*_PLACE, _to("10.5.0.110"))
    new = sets.create_or_update(*_PLACE, _to("10.5.0.111"), if_match=old.etag)
    with pytest.raises(HttpResponseError, match="has been modified") as changed:
        sets.create_or_update(*_PLACE, _to("10.5.0.110"), if_match=old.etag)
    assert _status(changed.value) == (412, "PreconditionFailed")
    with pytest.raises(HttpResponseError, match="has been modified"):
        sets.delete(*_PLACE, if_match=old.etag)
    record = azure.record(_ZONE, _NAME)
    assert record is not None
    assert record.addresses == ("10.5.0.111",)
    sets.delete(*_PLACE, if_match=new.etag)
    with pytest.raises(HttpResponseError, match="has been modified"):
        sets.create_or_update(*_PLACE, _to("10.5.0.110"), if_match=new.etag)


def test_only_a_new_one(azure_dns: DnsManagementClient) -> None:
    sets = azure_dns.record_sets
    sets.create_or_update(*_PLACE, _to("10.5.0.110"), if_none_match="*")
    with pytest.raises(HttpResponseError, match="exists already") as there:
        sets.create_or_update(*_PLACE, _to("10.5.0.111"), if_none_match="*")
    assert _status(there.value) == (412, "PreconditionFailed")


def test_a_condition_is_in_the_journal(azure: Azure, azure_dns: DnsManagementClient) -> None:
    azure_dns.record_sets.create_or_update(*_PLACE, _to("10.5.0.110"), if_none_match="*")
    assert azure.journal(_NAME)[0].condition == "if-none-match: *"


@pytest.mark.parametrize(
    ("record_set", "complaint"),
    [
        (_to("10.5.0.110", ttl=0), "TTL value '0'"),
        (_to("10.5.0.110", ttl=2**31), "TTL value"),
        (_to("10.5.0.256"), "IPv4 address '10.5.0.256' is invalid"),
        (_to("::1"), "is invalid"),
        (b'{"properties": {"TTL": true, "ARecords": []}}', "TTL value 'True'"),
        (b'{"properties": {"TTL": 60, "ARecords": "10.5.0.110"}}', "'ARecords' is invalid"),
        (b'{"properties": {"TTL": 60, "metadata": {"epoch": 7}}}', "pairs of strings"),
        (b"{}", "missing the 'properties'"),
    ],
)
def test_what_no_zone_holds(
    azure: Azure, azure_dns: DnsManagementClient, record_set: RecordSet | bytes, complaint: str
) -> None:
    sent = io.BytesIO(record_set) if isinstance(record_set, bytes) else record_set
    with pytest.raises(HttpResponseError, match=complaint) as refused:
        azure_dns.record_sets.create_or_update(*_PLACE, sent)
    assert _status(refused.value) == (400, "BadRequest")
    assert azure.record(_ZONE, _NAME) is None


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("CNAME", {"CNAMERecord": {"cname": "x" * 64}}),
        ("CNAME", {"CNAMERecord": {}}),
        ("CNAME", {"CNAMERecord": {"cname": 7}}),
        ("AAAA", {"AAAARecords": [{"ipv6Address": "10.5.0.110"}]}),
        ("MX", {"MXRecords": [{"preference": "low", "exchange": "mail"}]}),
        ("SRV", {"SRVRecords": [{"target": "x"}]}),
        ("TXT", {"TXTRecords": [{"value": ["x" * 256]}]}),
        ("CAA", {"caaRecords": []}),
    ],
)
def test_what_no_name_server_could_serve_is_refused(
    azure: Azure, azure_dns: DnsManagementClient, kind: str, properties: dict[str, Any]
) -> None:
    body = json.dumps({"properties": {"TTL": 60, **properties}}).encode()
    with pytest.raises(HttpResponseError) as refused:
        azure_dns.record_sets.create_or_update(_GROUP, _ZONE, _NAME, kind, io.BytesIO(body))
    assert _status(refused.value) == (400, "BadRequest")
    assert azure.record(_ZONE, _NAME, kind) is None


def test_errors_of_dns_have_no_error_around_them(
    azure: Azure, azure_dns: DnsManagementClient
) -> None:
    with pytest.raises(ResourceNotFoundError) as refused:
        azure_dns.record_sets.get(*_PLACE)
    assert refused.value.response is not None
    body = json.loads(cast("HttpResponse", refused.value.response).text())
    assert body == {
        "code": "NotFound",
        "message": f"The resource record '{_NAME}' does not exist in resource group '{_GROUP}'"
        f" of subscription '{azure.subscription}'.",
    }


def test_a_name_with_a_cname_takes_nothing_else(
    azure: Azure, azure_dns: DnsManagementClient
) -> None:
    azure.put_alias(_ZONE, _NAME, "elsewhere.example")
    with pytest.raises(HttpResponseError, match="CNAME record with the same name") as refused:
        azure_dns.record_sets.create_or_update(*_PLACE, _to("10.5.0.110"))
    assert _status(refused.value) == (409, "Conflict")


def test_the_apex_keeps_its_name_servers(azure_dns: DnsManagementClient) -> None:
    with pytest.raises(HttpResponseError, match="cannot be deleted"):
        azure_dns.record_sets.delete(_GROUP, _ZONE, "@", "NS")


def test_a_zone_that_is_not_there(azure_dns: DnsManagementClient) -> None:
    with pytest.raises(ResourceNotFoundError, match=r"other\.zone' under resource group"):
        azure_dns.zones.get(_GROUP, "other.zone")
    with pytest.raises(HttpResponseError, match=r"Parent resource 'other\.zone' not found"):
        azure_dns.record_sets.create_or_update(_GROUP, "other.zone", "x", "A", _to("10.5.0.1"))


def test_names_are_compared_without_case(azure: Azure, azure_dns: DnsManagementClient) -> None:
    azure.put_record(_ZONE, "Test-Record1", "10.5.0.110")
    found = azure_dns.record_sets.get("testgroup1", "CLUSTER1.zone", "test-RECORD1", "A")
    assert found.name == "Test-Record1"


def test_a_write_that_is_not_done_or_late(azure: Azure, azure_dns: DnsManagementClient) -> None:
    azure.fault("forget", _NAME, method="PUT")
    sets = azure_dns.record_sets
    told = sets.create_or_update(*_PLACE, _to("10.5.0.110"))
    assert told.etag
    assert azure.record(_ZONE, _NAME) is None
    sets.create_or_update(*_PLACE, _to("10.5.0.110"))
    azure.fault("late", _NAME, method="PUT", seconds=0.1)
    sets.create_or_update(*_PLACE, _to("10.5.0.111"))
    before = azure.record(_ZONE, _NAME)
    assert before is not None
    assert before.addresses == ("10.5.0.110",)
    azure.wait_for(lambda: (found := azure.record(_ZONE, _NAME)) and found.etag != before.etag)
    azure.fault("late", _NAME, method="DELETE", seconds=0.1)
    sets.delete(*_PLACE)
    assert azure.record(_ZONE, _NAME) is not None
    azure.wait_for(lambda: azure.record(_ZONE, _NAME) is None)


def test_the_asynchronous_client(azure: Azure) -> None:
    async def write() -> str | None:
        context = ssl.create_default_context(cafile=str(azure.ca_file))
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context), auto_decompress=False
        ) as session:

            def transport() -> AioHttpTransport:
                return AioHttpTransport(session=session, session_owner=False)

            async with (
                CertificateCredential(
                    azure.tenant,
                    azure.application,
                    str(azure.certificate()),
                    authority=azure.url,
                    disable_instance_discovery=True,
                    transport=transport(),
                ) as credential,
                AioDnsManagementClient(
                    credential,
                    azure.subscription,
                    base_url=azure.url,
                    credential_scopes=[f"{azure.url}/.default"],
                    transport=transport(),
                ) as client,
            ):
                made = await client.record_sets.create_or_update(*_PLACE, _to("10.5.0.110"))
                return made.etag

    etag = asyncio.run(write())
    record = azure.record(_ZONE, _NAME)
    assert record is not None
    assert record.etag == etag
