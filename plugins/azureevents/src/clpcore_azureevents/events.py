"""The document of scheduled events, as values. Every byte of it comes from outside."""

from __future__ import annotations

import enum
from email.utils import parsedate_to_datetime
from typing import Any, Final

import attrs

_LONGEST: Final = 200  # characters of a word of Azure's that go into a log
_MOST: Final = 1_000  # events; more than any availability set has machines


class Kind(enum.Enum):
    """What happens to a machine, in Azure's words."""

    FREEZE = "Freeze"  # paused, for seconds
    REBOOT = "Reboot"
    REDEPLOY = "Redeploy"  # moved to another host: a reboot that also loses the temporary disk
    PREEMPT = "Preempt"  # a Spot machine goes away
    TERMINATE = "Terminate"  # a user deletes it


@attrs.frozen(kw_only=True)
class Event:
    """One event.

    Attributes:
        id: Azure's.
        type: Azure's word for what happens.
        resources: the machines that it happens to.
        started: it needs no approval any more.
        duration: for how many seconds a machine is paused; None: Azure does not know.
        not_before: when it starts without approval, in seconds since 1970; None: not said.
        by_user: somebody has asked Azure for it.

    """

    id: str
    type: str
    resources: tuple[str, ...]
    started: bool
    duration: int | None = None
    not_before: int | None = None
    by_user: bool = False

    @property
    def kind(self) -> Kind | None:
        """Give what happens; None: this version does not know the type."""
        return next((kind for kind in Kind if kind.value == self.type), None)

    @property
    def rank(self) -> tuple[bool, int, str]:
        """Order events: what has started, then what starts first."""
        return (not self.started, self.not_before or 0, self.id)


@attrs.frozen
class Document:
    """What Azure says now; *incarnation* grows with each change, and may begin anew."""

    incarnation: int
    events: tuple[Event, ...]


class Unreadable(ValueError):
    """The answer of the metadata service is no document of scheduled events."""


def document(data: object) -> Document:
    """Read the JSON value *data*.

    Raises:
        Unreadable: it has another shape. No part of it counts then: an event that was misread may
            look like one that is over.

    """
    if not isinstance(data, dict) or not isinstance(data.get("Events"), list):
        raise Unreadable("it is no object with a list of Events")
    if len(data["Events"]) > _MOST:
        raise Unreadable(f"it has more than {_MOST} events")
    incarnation = data.get("DocumentIncarnation")
    number = incarnation if isinstance(incarnation, int) else 0
    found = [_event(each) for each in data["Events"]]
    return Document(number, tuple(sorted(found, key=lambda event: event.rank)))


def _event(data: object) -> Event:
    if not isinstance(data, dict):
        raise Unreadable("an event is no object")
    resources = data.get("Resources")
    if not isinstance(resources, list):
        raise Unreadable("an event has no list of Resources")
    status = _word(data, "EventStatus")
    if status not in {"Scheduled", "Started"}:
        raise Unreadable(f"the EventStatus of an event is {status!r}")
    return Event(
        id=_word(data, "EventId"),
        type=_word(data, "EventType"),
        resources=tuple(_printable(each) for each in resources),
        started=status == "Started",
        duration=_duration(data.get("DurationInSeconds")),
        not_before=_moment(data.get("NotBefore")),
        by_user=data.get("EventSource") == "User",
    )


def _word(data: dict[str, Any], key: str) -> str:
    if not data.get(key):
        raise Unreadable(f"an event has no {key}")
    return _printable(data[key])


def _printable(value: object) -> str:
    """Give a word that may go into a log line and into a request."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST:
        raise Unreadable(f"{value!r:.80} is no word")
    return value


def _duration(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if known and isinstance(value, int) else None


def _moment(value: object) -> int | None:
    """Read a date of HTTP; one that cannot be read is none: Azure does not wait for it."""
    try:
        return int(parsedate_to_datetime(str(value)).timestamp()) if value else None
    except (ValueError, TypeError, OverflowError):
        return None
