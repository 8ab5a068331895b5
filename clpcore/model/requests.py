"""What an operator may ask for."""

from __future__ import annotations

import attrs


@attrs.frozen
class GroupStart:
    """Start *group*, on *server* if named."""

    group: str
    server: str = ""


@attrs.frozen
class GroupStop:
    """Stop *group*; it stays stopped until an operator starts it, or the cluster starts anew."""

    group: str


@attrs.frozen
class GroupMove:
    """Move *group* to *server*, or to the best other one."""

    group: str
    server: str = ""


@attrs.frozen
class GroupFailover:
    """As a move, but with the event FAILOVER, as if its server had failed."""

    group: str
    server: str = ""


@attrs.frozen
class MonitorSuspend:
    """Stop looking, on *server* or everywhere."""

    monitor: str
    server: str = ""


@attrs.frozen
class MonitorResume:
    """Look again, on *server* or everywhere."""

    monitor: str
    server: str = ""


@attrs.frozen
class Verification:
    """Enter or leave verification mode; leaving clears every dummy failure."""

    on: bool


@attrs.frozen
class DummyFailure:
    """In verification mode: let *monitor* on *server* report an error. Real recovery runs."""

    monitor: str
    server: str
    on: bool


@attrs.frozen
class ServerStop:
    """Let *server* leave cleanly: its groups move away; the agent stays, Offline."""

    server: str


@attrs.frozen
class ServerStart:
    """Let *server* join again; *alone*: the operator's word that all silent servers are stopped."""

    server: str
    alone: bool = False


@attrs.frozen
class ClusterStop:
    """All servers leave cleanly; groups stop and do not move."""


@attrs.frozen
class ClusterStart:
    """All servers join again."""


@attrs.frozen
class Acknowledge:
    """An operator has seen what is shown as trouble: forget it, on all servers."""


Op = (
    GroupStart
    | GroupStop
    | GroupMove
    | GroupFailover
    | MonitorSuspend
    | MonitorResume
    | Verification
    | DummyFailure
    | ServerStop
    | ServerStart
    | ClusterStop
    | ClusterStart
    | Acknowledge
)


@attrs.frozen(kw_only=True)
class Request:
    """An operation with its identity: *origin* is the server whose control socket heard it."""

    id: str
    origin: str
    by: str  # who asked, for the journal: a user name
    op: Op
