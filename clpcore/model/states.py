"""The enumerations that the whole tree spells once."""

from __future__ import annotations

import enum


class Presence(enum.Enum):
    """What a probe says of a resource."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Health(enum.Enum):
    """What one look of a monitor says."""

    NORMAL = "normal"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


class Event(enum.Enum):
    """Why a resource is activated or deactivated; ``exec`` hands it on as CLP_EVENT."""

    START = "START"
    FAILOVER = "FAILOVER"
    RECOVER = "RECOVER"
    MOVE = "MOVE"
    STOP = "STOP"
    CLUSTER_STOP = "CLUSTER_STOP"


class Role(enum.Enum):
    """On which side a monitor looks: where its target is active, or where it must not be."""

    ACTIVE = "active"
    STANDBY = "standby"


class Phase(enum.Enum):
    """Where a server is in its membership."""

    STARTING = "starting"  # probing, waiting for the others
    ONLINE = "online"
    LEAVING = "leaving"  # deactivating, to leave cleanly
    OFFLINE = "offline"  # the agent runs, the server is no member
    DYING = "dying"  # the power port was asked to stop this machine


class Shown(enum.Enum):
    """The states that operators see (the product's words)."""

    ONLINE = "Online"
    OFFLINE = "Offline"
    ONLINE_PENDING = "Online Pending"
    OFFLINE_PENDING = "Offline Pending"
    ONLINE_FAILURE = "Online Failure"
    OFFLINE_FAILURE = "Offline Failure"
    NORMAL = "Normal"
    CAUTION = "Caution"
    ERROR = "Error"
    SUSPEND = "Suspend"
    UNUSED = "Unused"
    UNKNOWN = "Unknown"


class FinalAction(enum.Enum):
    """The last rung of a recovery ladder or failure policy (clusterpro.md 3.1 and 4.2)."""

    CONTINUE = "continue"  # no operation, go on with the next resource
    NONE = "none"  # no operation, do not go on
    STOP_GROUP = "stop_group"
    STOP_SERVICE = "stop_service"
    SHUTDOWN = "shutdown"  # stop the cluster service and shut the OS down
    REBOOT = "reboot"  # stop the cluster service and reboot the OS
    RESET = "reset"  # reset at once, no orderly stop
    PANIC = "panic"

    @property
    def ends_machine(self) -> bool:
        """Tell whether this machine goes down by it."""
        return self in {
            FinalAction.SHUTDOWN,
            FinalAction.REBOOT,
            FinalAction.RESET,
            FinalAction.PANIC,
        }


class Automatic(enum.Enum):
    """Whether the cluster does it by itself or waits for an operator."""

    AUTO = "auto"
    MANUAL = "manual"


class Exclusion(enum.Enum):
    """How far an exclusion rule keeps its groups apart."""

    NORMAL = "normal"  # as long as there is another server
    ABSOLUTE = "absolute"  # always


class FailoverPolicy(enum.Enum):
    """What decides where a group goes."""

    ORDER = "order"  # the order of its servers
    DYNAMIC = "dynamic"  # how the servers are, then their order


class Platform(enum.Enum):
    """Where the cluster runs; the check refuses drivers that make no sense there."""

    AZURE = "azure"
    ON_PREMISES = "onpremises"
    LAB = "lab"


class Timing(enum.Enum):
    """When a monitor looks."""

    ALWAYS = "always"
    ACTIVE = "active"  # while its target is active


class Verdict(enum.Enum):
    """How an action ended. A stall is an unknown, never a no."""

    OK = "ok"
    FAILED = "failed"
    STALLED = "stalled"
    MISCONFIGURED = "misconfigured"
    NOT_INSTALLED = "not_installed"
