"""The document of scheduled events: what counts, and that no half of one does."""

from __future__ import annotations

from typing import Any

import pytest

from clpcore_azureevents import events
from clpcore_azureevents.events import Kind

_FREEZE: dict[str, Any] = {
    "EventId": "602d9444-d2cd-49c7-8624-8643e7171297",
    "EventStatus": "Scheduled",
    "EventType": "Freeze",
    "ResourceType": "VirtualMachine",
    "Resources": ["node1", "node2"],
    "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT",
    "Description": "Host server is undergoing maintenance.",
    "EventSource": "Platform",
    "DurationInSeconds": 9,
}


def _read(**changes: object) -> events.Event:
    data = {"DocumentIncarnation": 3, "Events": [{**_FREEZE, **changes}]}
    (event,) = events.document(data).events
    return event


def test_what_azure_documents_is_read() -> None:
    event = _read()
    assert (event.kind, event.duration, event.by_user) == (Kind.FREEZE, 9, False)
    assert event.resources == ("node1", "node2")
    assert event.not_before == 1_474_309_787
    assert not event.started
    started = _read(EventStatus="Started", NotBefore="", EventSource="User", EventType="Reboot")
    assert (started.kind, started.started, started.not_before) == (Kind.REBOOT, True, None)
    assert started.by_user


@pytest.mark.parametrize("value", [-1, None, "9", True, 9.5])
def test_a_duration_that_is_none_is_not_known(value: object) -> None:
    assert _read(DurationInSeconds=value).duration is None


@pytest.mark.parametrize("value", ["soon", 5, "Mon, 99 Sep 2016 18:29:47 GMT", "x" * 5_000])
def test_a_moment_that_cannot_be_read_is_none(value: object) -> None:
    assert _read(NotBefore=value).not_before is None


def test_what_starts_first_comes_first() -> None:
    one = {**_FREEZE, "EventId": "b"}
    other = {**_FREEZE, "EventId": "a", "NotBefore": "Mon, 19 Sep 2016 18:29:48 GMT"}
    begun = {**_FREEZE, "EventId": "c", "EventStatus": "Started", "NotBefore": ""}
    found = events.document({"DocumentIncarnation": 1, "Events": [other, one, begun]})
    assert [event.id for event in found.events] == ["c", "b", "a"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"Events": None},
        {"Events": ["Reboot"]},
        {"Events": [{}]},
        {"Events": [_FREEZE, {**_FREEZE, "EventId": ""}]},
        {"Events": [{**_FREEZE, "EventStatus": "Completed"}]},
        {"Events": [{**_FREEZE, "Resources": "node1"}]},
        {"Events": [{**_FREEZE, "Resources": ["node1\nERROR all is lost"]}]},
        {"Events": [{**_FREEZE, "EventType": "x" * 201}]},
        {"Events": [_FREEZE] * 1_001},
    ],
)
def test_a_document_of_another_shape_counts_for_nothing(data: object) -> None:
    with pytest.raises(events.Unreadable):
        events.document(data)
