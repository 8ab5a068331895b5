"""The shapes of the agent's answers: the status document (schema 1) and rows of the journal."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Because(TypedDict):
    """A sentence as data: a key of the catalogue and its arguments, some sentences themselves."""

    key: str
    args: dict[str, str | Because]


class Trouble(Because):
    """Something that an operator must see to.

    *since*, in wall-clock ms: it is shown until it is acknowledged; without one, it is the agent's
    own, and ends by itself.
    """

    since: NotRequired[int]


class Heartbeat(TypedDict):
    """One path to a server."""

    name: str
    type: str
    state: str


class ForcedStop(TypedDict):
    """How far the forced stop of a server is from here.

    *failed*: why all tries failed, empty while some are left; *boot*: the life that shall end.
    """

    because: Because
    fence: str
    boot: int
    failed_tries: int
    of: int
    failed: str


class Server(TypedDict):
    """A member machine.

    *heard_ms_ago* is None for the answering server, and with *boot* for one never heard.
    *drained*: an operator has taken it out of service.
    *freeze*: ``expected`` when a freeze was announced, ``announcing`` until others can know that.
    *evidence* tells why one that is not heard counts as stopped, if it does; *forced_stop* what is
    done so that it does.
    """

    name: str
    state: str
    priority: int
    boot: int | None
    join: int
    drained: bool
    freeze: str | None
    evidence: str | None
    forced_stop: ForcedStop | None
    heard_ms_ago: int | None
    heartbeats: list[Heartbeat]


class Resource(TypedDict):
    """A resource where its group is, or was last; a group has them in the order of activation."""

    name: str
    type: str
    state: str


class GroupOnServer(TypedDict):
    """What one server says of a group.

    *because* tells why it cannot take it, *note* what it waits for there, or why it failed.
    """

    state: str
    epoch: int
    can_take: bool
    because: Because | None
    note: Because | None


class Group(TypedDict):
    """A group; *wanted* is ``auto``, ``stopped`` or ``blocked``."""

    name: str
    state: str
    server: str | None
    epoch: int
    wanted: str
    because: Because | None
    resources: list[Resource]
    servers: dict[str, GroupOnServer]


class MonitorOnServer(TypedDict):
    """What one server's last look said; *dummy*: a dummy failure is on.

    The state is the product's for one server: Online, Caution, Online Failure, Suspend, Offline
    (it does not look), Unknown.
    """

    state: str
    detail: str
    dummy: bool


class Monitor(TypedDict):
    """A monitor.

    The state is the product's for all servers together, the worst of them: Normal, Caution, Error,
    Suspend, Offline, Unknown.
    """

    name: str
    type: str
    target: str
    state: str
    servers: dict[str, MonitorOnServer]


class Asked(TypedDict):
    """What was found out at the last look, and why."""

    state: str
    detail: str


class Np(TypedDict):
    """A way of NP resolution; *servers*: who asked, which is the answering server alone."""

    name: str
    type: str
    state: str
    servers: dict[str, Asked]


class EndedStop(TypedDict):
    """How a forced stop from here ended: *failed* says why it failed, empty for a success.

    *at* is wall-clock ms of its end; *took_ms* counts from when it became due.
    """

    server: str
    boot: int
    at: int
    took_ms: int
    failed: str


class Fencing(TypedDict):
    """A way to stop servers by force; *servers*: those that it could stop from here.

    *stops*: what it has done for the answering server, the newest first; only the last ones.
    """

    name: str
    type: str
    state: str
    servers: dict[str, Asked]
    stops: list[EndedStop]


class Arbiter(TypedDict):
    """The arbiter, and the answering server's session there. Times are None without a lease.

    *stops_in_ms*: until what runs on the answering server is stopped, if nothing renews the lease.
    *promised_to*: whom it has promised to claim nothing; *promised_by*: who has promised it that.
    """

    name: str
    type: str
    state: str
    detail: str
    lease_ms: int
    lease_left_ms: int | None
    stops_in_ms: int | None
    promised_to: list[str]
    promised_by: list[str]
    asks_for_promises: bool


class View(TypedDict):
    """Who leads and who is in."""

    counter: int
    leader: str
    members: list[str]


class Status(TypedDict):
    """The cluster as the answering server sees it.

    *endured_freeze_ms*: the longest announced freeze of a server that its groups can sit out.
    *policy*: what a takeover rests on: ``cohort``, ``fence``, ``lease`` or ``both``. *cut_off*: why
    the answering server takes itself for cut off, if it does.
    """

    schema: int
    cluster: str
    server: str
    now_ms: int
    phase: str
    leader: str | None
    view: View
    verification: bool
    suspended: bool
    endured_freeze_ms: int
    policy: str
    exclusive: str
    cut_off: Because | None
    np: list[Np]
    fencing: list[Fencing]
    arbiter: Arbiter | None
    servers: list[Server]
    groups: list[Group]
    monitors: list[Monitor]
    troubles: list[Trouble]


class Driver(TypedDict):
    """A driver, and the plugin that brought it."""

    kind: str
    name: str
    summary: str
    plugin: str
    distribution: str
    version: str


class Refused(TypedDict):
    """A plugin none of whose drivers is used; *deadly*: it ends or blocks whoever loads it."""

    plugin: str
    distribution: str
    reason: str
    remedy: str
    deadly: NotRequired[bool]


class Plugins(TypedDict):
    """What was found installed."""

    drivers: list[Driver]
    refused: list[Refused]


class Row(TypedDict):
    """One sentence of the journal; *now_ms* counts from the machine's start."""

    seq: int
    wall_ms: int
    now_ms: int
    boot: int
    server: str
    key: str
    args: dict[str, str | Because]
    severity: str
    text: str
