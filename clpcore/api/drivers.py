"""What a driver is: its spec, and the methods that the core calls."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import attrs

from clpcore.api.arbiter import Arbiter
from clpcore.api.fence import FenceDriver
from clpcore.api.heartbeat import HeartbeatDriver
from clpcore.api.partition import PartitionDriver
from clpcore.api.ports import Ports
from clpcore.api.versions import ApiVersion
from clpcore.model.actions import Call
from clpcore.model.inputs import Observation
from clpcore.model.states import Presence


class Kind(enum.Enum):
    """What a driver drives.

    Attributes:
        RESOURCE: a thing that a group brings up and down.
        MONITOR: a look that says how a thing is.
        HEARTBEAT: a path between the servers.
        PARTITION: a question whose answer tells a server whether it is cut off.
        FENCE: the power of a silent server.
        ARBITER: a store that all servers reach, for who may serve.

    """

    RESOURCE = "resource"
    MONITOR = "monitor"
    HEARTBEAT = "heartbeat"
    PARTITION = "partition"
    FENCE = "fence"
    ARBITER = "arbiter"


class Capability(enum.Enum):
    """Facts about a driver that the core reads; declared, never guessed.

    Attributes:
        NOT_ON_AZURE: it makes no sense there; the check refuses it.
        WATCHES_STANDBY: a monitor that looks where its target must not be, too.
        ADDRESS: clients find the service by it: activated last, deactivated first.
        KEEPS: a monitor that keeps something running between its looks: a ``KeepingMonitor``.
        BUILT_IN: the core does the work; the plugin brings configuration and docs.

    """

    NOT_ON_AZURE = "not_on_azure"
    WATCHES_STANDBY = "watches_standby"
    ADDRESS = "address"
    KEEPS = "keeps"
    BUILT_IN = "built_in"


@attrs.frozen
class Problem:
    """Something wrong with a driver's settings, found by ``DriverSpec.validate``.

    Attributes:
        key: which setting.
        what: what is wrong with it, with its value.
        remedy: the next step of the administrator.
        risk: it can be used all the same, and the administrator should know this.

    """

    key: str
    what: str
    remedy: str = ""
    risk: bool = False


class ResourceDriver(Protocol):
    """Brings one resource up and down. Every method may be called in any presence, and again."""

    async def probe(self, call: Call, ports: Ports) -> Presence:
        """Tell the presence, changing nothing.

        Returns:
            UNKNOWN, or a ``DriverError``, where the look itself failed: never a guess.

        """
        ...

    async def activate(self, call: Call, ports: Ports) -> None:
        """Bring it to ACTIVE; return only when ``probe`` would say so.

        Raises:
            DriverError: it did not get there; the core tries again, or elsewhere, by policy.

        """
        ...

    async def deactivate(self, call: Call, ports: Ports) -> None:
        """Bring it to INACTIVE, from any presence; return only when ``probe`` would say so.

        What it says, the cluster believes: another server takes over on it.

        Raises:
            DriverError: something is left, or may be; by default the server is taken down then.

        """
        ...


class MonitorDriver(Protocol):
    """Looks once; the core owns interval, retries, delay and timeout."""

    async def observe(self, call: Call, ports: Ports) -> Observation:
        """Look once, and say in one sentence what was seen; ``call.role`` tells on which side.

        Raises:
            DriverError: the look itself failed. It is shown as a warning, and nothing is recovered.

        """
        ...


class KeepingMonitor(MonitorDriver, Protocol):
    """A monitor of capability KEEPS: what its looks start by ``Ports.keep`` outlives them."""

    async def rest(self, call: Call, ports: Ports) -> None:
        """End what the looks have left running, and forget what they have noted.

        Called when the monitor stops looking here: it is suspended, its target is deactivated (for
        a reactivation, too) or the service stops; and once after the agent's start, as nobody
        knows what an earlier one has left. The look in flight is over by then, and the next one
        begins after it. It may be called again, and where nothing was left.

        Raises:
            DriverError: something may still run. It is told, and not tried again: let what you keep
                end by itself when nobody has looked for long.

        """
        ...


Driver = ResourceDriver | MonitorDriver | HeartbeatDriver | PartitionDriver | FenceDriver | Arbiter


def _no_problems(_config: Any) -> Iterable[Problem]:
    return ()


def _nothing() -> None:
    return None


@attrs.frozen(kw_only=True)
class DriverSpec:
    """One driver, as a plugin registers it.

    Attributes:
        kind: what it drives.
        name: the word in configuration files, unique per kind.
        api: the contract that it was written for.
        summary: one line for ``clp plugins`` and the reference pages.
        config: attrs class of its settings; fields made with ``api.setting``.
        make: makes the driver from its settings; no I/O. None only for BUILT_IN.
        validate: finds what single fields cannot tell; pure.
        warm_up: called once in each new worker, before its first call: imports what is heavy, so
            that no call waits for it; blocks, asks nobody.
        capabilities: facts for the core.
        defaults: its own defaults of the core's keys, by their names in ``model.members``
            (durations in ms): ``{"interval": 60_000, "retry": 1}``.
        pairs_with: monitor types made together with the resource.
        activates_after: resource types that it depends on by default; ``("*",)`` means all others
            that are not addresses themselves.
        needs: executables without which the plugin is refused.

    """

    kind: Kind
    name: str
    api: ApiVersion
    summary: str
    config: type
    make: Callable[[Any], Driver] | None = None
    validate: Callable[[Any], Iterable[Problem]] = _no_problems
    warm_up: Callable[[], None] = _nothing
    capabilities: frozenset[Capability] = frozenset()
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    pairs_with: tuple[str, ...] = ()
    activates_after: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
