"""Faults, as a client meets them, and what cannot be one."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from clp_azuresim.azure import Azure
from clp_azuresim.desk import Refusal
from clp_azuresim.faults import Fault, Faults, Misspelt, Wrong, merged
from clp_azuresim.journal import Journal

_PATH = "/metadata/instance?api-version=2021-02-01"


@pytest.fixture
def web() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, headers={"Metadata": "true"}, timeout=0.3) as client:
        yield client


def _get(azure: Azure, web: httpx.Client) -> httpx.Response:
    return web.get(f"{azure.imds['node1']}{_PATH}")


def test_an_answer_comes_late(azure: Azure, web: httpx.Client) -> None:
    azure.fault("latency", "instance", seconds=0.1)
    began = time.monotonic()
    assert _get(azure, web).status_code == 200
    assert time.monotonic() - began >= 0.1


def test_what_is_slow_is_done_though_the_caller_gave_up(azure: Azure, web: httpx.Client) -> None:
    event = azure.schedule("Freeze", ["node1"])
    azure.fault("latency", "scheduledevents", method="POST", seconds=0.5)
    url = f"{azure.imds['node1']}/metadata/scheduledevents?api-version=2020-07-01"
    with pytest.raises(httpx.ReadTimeout):
        web.post(url, json={"StartRequests": [{"EventId": event}]})
    azure.wait_for(lambda: (azure.event(event) or {})["approved_by"] == ["node1"])


def test_an_answer_never_comes(azure: Azure, web: httpx.Client) -> None:
    azure.fault("hang", "instance")
    with pytest.raises(httpx.ReadTimeout):
        _get(azure, web)
    assert _get(azure, web).status_code == 200


@pytest.mark.parametrize("wrong", ["reset", "lost"])
def test_the_connection_is_reset(azure: Azure, web: httpx.Client, wrong: str) -> None:
    azure.fault(wrong, "instance")
    with pytest.raises(httpx.TransportError):
        _get(azure, web)
    assert _get(azure, web).status_code == 200


def test_an_error_with_its_headers_so_many_times(azure: Azure, web: httpx.Client) -> None:
    azure.fault(
        "status", "INSTANCE", status=429, headers={"Retry-After": "7"}, count=2, message="later"
    )
    for _ in range(2):
        answer = _get(azure, web)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert answer.json()["error"] == {"code": "TooManyRequests", "message": "later"}
    assert _get(azure, web).status_code == 200
    assert [entry.fault for entry in azure.journal("instance")] == ["status 429"] * 2 + [""]


def test_bodies_of_other_makes(azure: Azure, web: httpx.Client) -> None:
    azure.fault("status", "instance", status=502, text="<html>proxy</html>")
    assert _get(azure, web).text == "<html>proxy</html>"
    azure.fault("status", "instance", status=409, body={"code": "Unwrapped"})
    assert _get(azure, web).json() == {"code": "Unwrapped"}


def test_wrong_data(azure: Azure, web: httpx.Client) -> None:
    azure.fault("edit", "instance", body={"compute": {"name": "node9", "vmId": None}})
    compute = _get(azure, web).json()["compute"]
    assert (compute["name"], compute["resourceGroupName"]) == ("node9", "TestGroup1")
    assert "vmId" not in compute


def test_a_fault_for_ever_until_cleared(azure: Azure, web: httpx.Client) -> None:
    azure.fault("status", "instance", count=None)
    assert {_get(azure, web).status_code for _ in range(5)} == {500}
    azure.clear_faults()
    assert _get(azure, web).status_code == 200


def test_a_write_that_is_lost_was_done(azure: Azure, web: httpx.Client) -> None:
    event = azure.schedule("Freeze", ["node1"])
    azure.fault("lost", "scheduledevents", method="POST")
    url = f"{azure.imds['node1']}/metadata/scheduledevents?api-version=2020-07-01"
    with pytest.raises(httpx.TransportError):
        web.post(url, json={"StartRequests": [{"EventId": event}]})
    shown = azure.event(event)
    assert shown is not None
    assert shown["EventStatus"] == "Started"


def test_nothing_that_hangs_outlives_its_azure(azure: Azure) -> None:
    azure.fault("hang", "x", count=None)
    context = ssl.create_default_context(cafile=str(azure.ca_file))
    with httpx.Client(verify=context, timeout=0.05) as client, pytest.raises(httpx.TransportError):
        client.get(f"{azure.url}/x")


def test_the_first_that_fits_decides_and_others_wait() -> None:
    faults = Faults()
    faults.add(Fault.of("reset", "a", method="put", skip=1))
    faults.add(Fault.of("hang", "a"))
    met = [faults.meet(method, "/A") for method in ("GET", "PUT", "PUT", "PUT", "GET")]
    assert [fault and fault.wrong for fault in met] == [
        Wrong.HANG,
        None,
        Wrong.RESET,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("wrong", "path", "details", "complaint"),
    [
        ("explode", "x", {}, "no fault 'explode': there are latency, hang"),
        ("hang", "(", {}, "no regular expression"),
        ("hang", "x", {"secnods": 1}, "no secnods"),
        ("latency", "x", {}, "needs seconds above 0"),
        ("late", "x", {"seconds": -1}, "needs seconds above 0"),
        ("status", "x", {"status": 200}, "400 to 599"),
        ("hang", "x", {"count": 0}, "count"),
    ],
)
def test_what_is_no_fault(wrong: str, path: str, details: dict[str, float], complaint: str) -> None:
    with pytest.raises(Misspelt, match=complaint):
        Fault.of(wrong, path, **details)


def test_the_journal_keeps_no_query_that_may_be_a_signature() -> None:
    entry = Journal().note("arm", "GET", "/x", {"api-version": "1", "sig": "s", "p": "t"})
    assert entry.query == {"api-version": "1"}


def test_the_desk_says_what_it_knows(azure: Azure) -> None:
    for word, details, complaint in (
        ("explode", {}, "does not know how to 'explode'"),
        ("_server", {"number": 1}, "does not know"),
        ("machine", {"name": "node9"}, "there are node1, node2"),
        ("record", {"zone": "x.zone", "name": "a"}, "there are cluster1.zone"),
        ("machine", {}, "missing a required argument"),
        ("name_server", {"number": 5}, "there are 1 to 4"),
        ("schedule", {"kind": "Fire", "machines": ["node1"]}, "'Fire' is not a valid Kind"),
        ("end_event", {"event": "x"}, "it is over, or never was"),
        ("roles", {"application": "x", "roles": []}, "there are cluster"),
    ):
        with pytest.raises(Refusal, match=complaint):
            azure.ask(word, details)


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        (None, {"a": 1}, {"a": 1}),
        ({"a": 1}, [], []),
    ],
)
def test_patches_are_merged_as_rfc_7396_says(value: object, patch: object, result: object) -> None:
    assert merged(value, patch) == result
