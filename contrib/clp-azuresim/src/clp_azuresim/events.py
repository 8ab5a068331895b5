"""Scheduled events: what Azure announces to machines, and what they approve."""

import asyncio
import datetime as dt
import enum
import uuid
from collections.abc import Callable, Coroutine
from email.utils import format_datetime
from typing import Any, Final

import attrs


class Kind(enum.Enum):
    """What will be done to the machines of an event, in Azure's words."""

    FREEZE = "Freeze"
    REBOOT = "Reboot"
    REDEPLOY = "Redeploy"
    PREEMPT = "Preempt"
    TERMINATE = "Terminate"


NOTICE: Final = {
    Kind.FREEZE: 900.0,
    Kind.REBOOT: 900.0,
    Kind.REDEPLOY: 600.0,
    Kind.PREEMPT: 30.0,
    Kind.TERMINATE: 300.0,
}
"""Seconds between the announcement and the start that nobody approved."""


@attrs.define(kw_only=True)
class Event:
    """One event.

    Attributes:
        resources: names of the machines.
        duration: seconds it is said to take; -1: not known.
        not_before: when it starts without approval; None once it has started.
        approved_by: machines that asked for its start.
    """

    kind: Kind
    resources: tuple[str, ...]
    duration: int
    not_before: dt.datetime | None
    description: str = ""
    source: str = "Platform"
    id: str = attrs.field(factory=lambda: str(uuid.uuid4()).upper())
    approved_by: list[str] = attrs.field(factory=list)
    started: asyncio.Event = attrs.field(factory=asyncio.Event, repr=False)

    def body(self) -> dict[str, Any]:
        when = format_datetime(self.not_before, usegmt=True) if self.not_before else ""
        return {
            "EventId": self.id,
            "EventStatus": "Scheduled" if self.not_before else "Started",
            "EventType": self.kind.value,
            "ResourceType": "VirtualMachine",
            "Resources": list(self.resources),
            "NotBefore": when,
            "Description": self.description,
            "EventSource": self.source,
            "DurationInSeconds": self.duration,
        }


OnStart = Callable[[Event], Coroutine[Any, Any, None]]


class Events:
    """All events; each machine sees those of its availability set, or its own."""

    def __init__(self, set_of: Callable[[str], str], first_delay: float) -> None:
        """Take how machines belong together.

        Args:
            set_of: gives the same word for machines that see each other's events.
            first_delay: seconds until a machine's first look is answered.
        """
        self._set_of, self.first_delay = set_of, first_delay
        self._events: dict[str, Event] = {}
        self._incarnations: dict[str, int] = {}
        self._enabled: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def document(self, machine: str) -> dict[str, Any]:
        """Give what a machine reads; its first look enables the service, and takes long."""
        if machine not in self._enabled:
            await asyncio.sleep(self.first_delay)
            self._enabled.add(machine)
        ours = [each for each in self._events.values() if self._sees(machine, each)]
        incarnation = self._incarnations.get(self._set_of(machine), 1)
        return {"DocumentIncarnation": incarnation, "Events": [each.body() for each in ours]}

    def is_enabled(self, machine: str) -> bool:
        return machine in self._enabled

    def schedule(
        self, event: Event, *, on_start: OnStart | None = None, lasts: float | None = None
    ) -> Event:
        """Announce an event; it starts at its time or when it is approved.

        Args:
            event: the event.
            on_start: what then happens to the machines.
            lasts: seconds after which it disappears; None: `remove` takes it away.
        """
        self._events[event.id] = event
        self._changed(event)
        task = asyncio.get_running_loop().create_task(self._run(event, on_start, lasts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return event

    async def _run(self, event: Event, on_start: OnStart | None, lasts: float | None) -> None:
        if event.not_before is not None:
            left = (event.not_before - dt.datetime.now(dt.UTC)).total_seconds()
            try:
                await asyncio.wait_for(event.started.wait(), max(0.0, left))
            except TimeoutError:
                self.start(event.id)
        if on_start is not None and event.id in self._events:
            await on_start(event)
        if lasts is not None:
            await asyncio.sleep(lasts)
            self.remove(event.id)

    def find(self, number: str) -> Event | None:
        return self._events.get(number.upper())

    def approve(self, machine: str, number: str) -> bool:
        """Start an event as a machine asks for it; tells whether the machine can see such one."""
        event = self.find(number)
        if event is None or not self._sees(machine, event):
            return False
        event.approved_by.append(machine)
        self.start(number)
        return True

    def start(self, number: str) -> None:
        """Start an event now, for all of its machines; one that has started: nothing."""
        event = self.find(number)
        if event is not None and event.not_before is not None:
            event.not_before = None
            event.started.set()
            self._changed(event)

    def remove(self, number: str) -> None:
        """Take an event away: it is over, or cancelled, which looks the same."""
        event = self._events.pop(number.upper(), None)
        if event is not None:
            self._changed(event)
            event.started.set()

    def _sees(self, machine: str, event: Event) -> bool:
        ours = self._set_of(machine)
        return any(self._set_of(each) == ours for each in event.resources)

    def _changed(self, event: Event) -> None:
        for each in {self._set_of(machine) for machine in event.resources}:
            self._incarnations[each] = self._incarnations.get(each, 1) + 1

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def make(
    kind: Kind,
    resources: tuple[str, ...],
    *,
    notice: float | None = None,
    duration: int | None = None,
    source: str = "Platform",
    description: str = "",
) -> Event:
    """Make an event with Azure's usual notice; a notice of 0 has started at once."""
    wait = NOTICE[kind] if notice is None else notice
    when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=wait)
    usual = 9 if kind is Kind.FREEZE else -1
    return Event(
        kind=kind,
        resources=resources,
        duration=usual if duration is None else duration,
        not_before=when if wait > 0 else None,
        source=source,
        description=description or f"{kind.value} of {', '.join(resources)}, rehearsed",
    )
