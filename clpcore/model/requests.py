"""What an operator may ask for."""

from __future__ import annotations

import attrs

from clpcore.model.states import FinalAction


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
    """Let *server* leave cleanly: its groups move away; the agent stays, Offline.

    *then*: what follows; with SHUTDOWN or REBOOT the machine goes, too.
    """

    server: str
    then: FinalAction = FinalAction.STOP_SERVICE


@attrs.frozen
class ServerStart:
    """Let *server* join again; *alone*: the operator's word that all silent servers are stopped."""

    server: str
    alone: bool = False


@attrs.frozen
class ClusterStop:
    """All servers leave cleanly; groups stop and do not move. *then*: as with ServerStop."""

    then: FinalAction = FinalAction.STOP_SERVICE


@attrs.frozen
class ClusterStart:
    """All servers join again."""


@attrs.frozen
class Acknowledge:
    """An operator has seen what is shown as trouble: forget it, on all servers."""


@attrs.frozen
class ClusterSuspend:
    """Leave everything as it is until it is resumed: no failover, no monitoring, no recovery."""


@attrs.frozen
class ClusterResume:
    """End a suspension; what happened meanwhile is decided on now."""


@attrs.frozen
class ServerDrain:
    """Take *server* out of service, or back into it: its groups move away, and none comes."""

    server: str
    on: bool


@attrs.frozen
class ServerExpectFreeze:
    """A freeze of *server* is announced: for *ms* from now on it may be silent for longer.

    How long says ``freeze_timeout``. 0: the freeze is over, or called off.
    """

    server: str
    ms: int


@attrs.frozen
class GroupRestart:
    """Deactivate and activate all resources of *group* where it is."""

    group: str


@attrs.frozen
class ResourceStart:
    """Activate one resource of an active group; *force*: and those that it needs."""

    group: str
    resource: str
    force: bool = False


@attrs.frozen
class ResourceStop:
    """Deactivate one resource of an active group; *force*: and those that need it.

    It stays down until it is started, or its group moves or is started anew.
    """

    group: str
    resource: str
    force: bool = False


@attrs.frozen
class ResourceRestart:
    """Deactivate and activate one resource, and those that need it."""

    group: str
    resource: str


@attrs.frozen
class ServerConfirmDown:
    """The operator's word that *server* has stopped: he has seen to it himself."""

    server: str


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
    | ClusterSuspend
    | ClusterResume
    | ServerDrain
    | ServerExpectFreeze
    | GroupRestart
    | ResourceStart
    | ResourceStop
    | ResourceRestart
    | ServerConfirmDown
)


@attrs.frozen(kw_only=True)
class Request:
    """An operation with its identity: *origin* is the server whose control socket heard it."""

    id: str
    origin: str
    by: str  # who asked, for the journal: a user name
    op: Op
