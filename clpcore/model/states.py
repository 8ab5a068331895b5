"""The enumerations that the whole tree spells once."""

from __future__ import annotations

import enum


class Presence(enum.Enum):
    """What a probe says of a resource.

    Attributes:
        ACTIVE: it serves.
        INACTIVE: nothing of it is there.
        BROKEN: something of it is there, and does not serve.
        UNKNOWN: the look failed; asked again, and never taken for INACTIVE.

    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    BROKEN = "broken"
    UNKNOWN = "unknown"


class Health(enum.Enum):
    """What one look of a monitor says.

    Attributes:
        NORMAL: all is well.
        WARNING: somebody should look; nothing is recovered.
        ERROR: it does not serve: after its retries the recovery ladder begins.
        UNKNOWN: the look failed; shown as a warning.

    """

    NORMAL = "normal"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


class Event(enum.Enum):
    """Why a resource is activated or deactivated; ``exec`` hands it on as CLP_EVENT.

    Attributes:
        START: the group starts, or the cluster.
        FAILOVER: it comes from, or leaves, a server where it failed.
        RECOVER: a monitor found an error, and it is activated again in place.
        MOVE: somebody wants it on another server.
        STOP: the group stops.
        CLUSTER_STOP: the whole cluster stops.

    """

    START = "START"
    FAILOVER = "FAILOVER"
    RECOVER = "RECOVER"
    MOVE = "MOVE"
    STOP = "STOP"
    CLUSTER_STOP = "CLUSTER_STOP"


class Role(enum.Enum):
    """On which side a monitor looks.

    Attributes:
        ACTIVE: its target is active here.
        STANDBY: it must not be here.

    """

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


class Profile(enum.Enum):
    """Which defaults times have that are not written.

    Attributes:
        AZURE: those of the reference: a machine may be frozen for 30 s.
        AZURE_FAST: as short as on premises and shorter: only an announced freeze may take 30 s.
        ON_PREMISES: shorter ones, for machines that nobody freezes for longer than 5 s.
        LAB: very short ones, for rehearsals on one machine.

    """

    AZURE = "azure"
    AZURE_FAST = "azure-fast"
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


class Answer(enum.Enum):
    """What one question came to.

    Attributes:
        ANSWERED: it was reached from here, whatever it said.
        SILENT: it did not answer in time: perhaps this server is cut off.
        UNKNOWN: it could not be asked: says nothing about the network.

    """

    ANSWERED = "answered"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Power(enum.Enum):
    """What was read of a server's power.

    Attributes:
        OFF: it was read as stopped.
        ON: it was read as running.
        UNKNOWN: it could not be read, or a request was only accepted.

    """

    OFF = "off"
    ON = "on"
    UNKNOWN = "unknown"
