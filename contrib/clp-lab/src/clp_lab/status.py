"""What the lab says of itself: values that `clp lab status` prints and tests read."""

import json
from typing import Any, Self

import attrs

from clp_lab.errors import LabError


@attrs.frozen(kw_only=True)
class ServerStatus:
    """One server.

    Attributes:
        power: "up", "off" or "paused"; `because` says why it is off.
        since: monotonic nanosecond of the last change of `power`.
        pid: PID 1 of its present life as the machine counts; 0 when off.
        lives: how many lives it has had.
        agent: "running", "waiting to start again" or "stopped".
        agent_pid: as the server counts.
        restarts: of the agent in this life.
        cable: whether its port is plugged in.
    """

    name: str
    address: str
    power: str
    because: str
    since: int
    pid: int
    lives: int
    boot_id: str | None
    root: str
    agent: str
    agent_pid: int | None
    restarts: int
    cable: bool


@attrs.frozen(kw_only=True)
class OutsideStatus:
    """A machine outside of the cluster, in the words of `ServerStatus`."""

    name: str
    address: str
    power: str
    service: str


@attrs.frozen(kw_only=True)
class BackendStatus:
    """What the load balancer's probe says of a server, since which monotonic nanosecond."""

    server: str
    healthy: bool
    since: int


@attrs.frozen(kw_only=True)
class BalancerStatus:
    frontend: str
    backends: tuple[BackendStatus, ...]
    flows: int

    @property
    def healthy(self) -> tuple[str, ...]:
        """The servers that new flows go to."""
        return tuple(backend.server for backend in self.backends if backend.healthy)


@attrs.frozen(kw_only=True)
class WayStatus:
    """The faults of one direction, in the words of `clp_lab.ways.Way`."""

    source: str
    target: str
    faults: dict[str, Any]


@attrs.frozen(kw_only=True)
class Status:
    """A whole lab.

    Attributes:
        keeper: process id of the keeper; all others die with it.
        directory: where everything of the lab lies; gone with the lab.
        network: what carries the frames and at which priority.
        lacks: one line on what this lab cannot do here; empty: nothing.
        pids: PID 1 of the client and the load balancer, and the parts of the lab.
    """

    keeper: int
    directory: str
    network: str
    lacks: str
    capture: str | None
    pids: dict[str, int]
    servers: tuple[ServerStatus, ...]
    outside: tuple[OutsideStatus, ...]
    balancer: BalancerStatus
    ways: tuple[WayStatus, ...]

    def as_json(self) -> str:
        return json.dumps(attrs.asdict(self))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Read what the keeper sent."""
        balancer = values["balancer"]
        backends = tuple(BackendStatus(**backend) for backend in balancer["backends"])
        return cls(
            **{
                **values,
                "servers": tuple(ServerStatus(**server) for server in values["servers"]),
                "outside": tuple(OutsideStatus(**one) for one in values["outside"]),
                "balancer": BalancerStatus(**{**balancer, "backends": backends}),
                "ways": tuple(WayStatus(**way) for way in values["ways"]),
            }
        )

    def server(self, name: str) -> ServerStatus:
        """Give one server; LabError lists those that there are."""
        found = {server.name: server for server in self.servers}
        if name not in found:
            raise LabError(f"no server {name!r} here: there are {', '.join(found)}")
        return found[name]
