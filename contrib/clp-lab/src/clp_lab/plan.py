"""What a lab consists of: the values behind a lab file, with defaults that fit a rehearsal."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs

from clp_lab.errors import LabError

MOST_SERVERS = 32
CLIENT, BALANCER = "client", "lb"
"""Names of the two places that every lab has beside its servers."""
WITNESS, POWER, AZURE = "witness", "power", "azure"
"""Names of machines outside of the cluster, where a plan wants them."""
SHARED = "shared"
"""The folder of the lab that all servers have as /var/shared: a disk that none of them loses."""

INNER, PUBLIC = ("10.5.0.0", 24), ("203.0.113.0", 24)
CLIENT_INNER, CLIENT_PUBLIC = "10.5.0.50", "203.0.113.50"
PROBE_SOURCE = "168.63.129.16"
WITNESS_ADDRESS, POWER_ADDRESS = "10.5.0.60", "10.5.0.61"
AZURE_ADDRESSES = ("10.5.0.62", "10.5.0.63", "10.5.0.64", "10.5.0.65")
"""Of the simulated Azure: its name servers; the first one has everything else, too."""
METADATA_ADDRESS = "169.254.169.254"
_FIRST_SERVER = 110

CLP = str(Path(sys.executable).with_name("clp"))
"""The command beside the interpreter that runs the lab."""
AGENT = (CLP, "agent")


@attrs.frozen(kw_only=True)
class ServerPlan:
    """One server.

    Attributes:
        name: CLP_SERVER and the host name.
        address: on the inner network.
        agent: its own agent command; None: that of the lab.
        environment: variables of its agent beside the common ones.
        start: whether `up` gives it a life, or leaves it off for a later `start`.
    """

    name: str
    address: str
    agent: tuple[str, ...] | None = None
    environment: Mapping[str, str] = attrs.field(factory=dict)
    start: bool = True


@attrs.frozen(kw_only=True)
class BalancerPlan:
    """The Azure-like load balancer; times in milliseconds.

    Attributes:
        frontend, port: where clients come: a public address, or a free one of the inner network.
        backend_port: where the flows go.
        direct: direct server return: what clients send goes to the server unchanged, which must
            have the frontend's address, and whose answers go straight to the client.
        probe_port: what the health probe connects to.
        interval: from one probe to the next, and how long one may take.
        threshold: equal results in a row that change a server's health, both ways.
        idle: an established flow without a packet for so long is forgotten.
        pool: the servers behind it; empty: all.
    """

    frontend: str = "203.0.113.10"
    port: int = 80
    backend_port: int = 8080
    direct: bool = False
    probe_port: int = 26001
    interval: int = 200
    threshold: int = 2
    idle: int = 240_000
    pool: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Plan:
    """A whole lab; times in milliseconds.

    Attributes:
        servers: in the order of their names in the lab file.
        agent: the command that every server's PID 1 keeps running; empty: none.
        files: copied under CLP_ROOT of every server by `up`: target below it -> source.
        balancer: the load balancer.
        witness: the key file of the clusters that the witness knows; None: there is no witness.
        power: whether there is a machine that switches servers off when it is asked to.
        azure: the folder of a simulated Azure, with its azuresim.toml; None: there is none.
        capture: where to write all frames (pcap); None: nowhere.
        boot: how long a server is off between two lives when it reboots.
        stop: how long an agent may take to stop before it is killed.
        user_namespace: None: where the lab is not started by root.
        device: "tap", "veth", or None: TAP where it can be had.
        seed: of the dice for loss, jitter, duplicates and reordering.
    """

    servers: tuple[ServerPlan, ...]
    agent: tuple[str, ...] = AGENT
    files: Mapping[str, str] = attrs.field(factory=dict)
    balancer: BalancerPlan = attrs.field(factory=BalancerPlan)
    witness: str | None = None
    power: bool = False
    azure: str | None = None
    capture: str | None = None
    boot: int = 0
    stop: int = 10_000
    user_namespace: bool | None = None
    device: str | None = None
    seed: int = 1

    @property
    def pool(self) -> tuple[ServerPlan, ...]:
        """The servers behind the load balancer."""
        names = self.balancer.pool
        return tuple(server for server in self.servers if not names or server.name in names)

    @property
    def outside(self) -> Mapping[str, str]:
        """The machines outside of the cluster, and their addresses."""
        there = {
            WITNESS: self.witness is not None,
            POWER: self.power,
            AZURE: self.azure is not None,
        }
        addresses = {
            WITNESS: WITNESS_ADDRESS,
            POWER: POWER_ADDRESS,
            AZURE: AZURE_ADDRESSES[0],
        }
        return {name: addresses[name] for name in addresses if there[name]}

    def agent_of(self, server: ServerPlan) -> tuple[str, ...]:
        """Give the agent command of a server; empty: none."""
        return self.agent if server.agent is None else server.agent

    def as_json(self) -> str:
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote, in the keeper."""
        values = json.loads(text)
        servers = tuple(_server_from(server) for server in values.pop("servers"))
        balancer = values.pop("balancer")
        balancer["pool"] = tuple(balancer["pool"])
        values["agent"] = tuple(values["agent"])
        return cls(servers=servers, balancer=BalancerPlan(**balancer), **values)


def _server_from(values: dict[str, Any]) -> ServerPlan:
    agent = values.pop("agent")
    return ServerPlan(agent=None if agent is None else tuple(agent), **values)


def servers(count: int = 2) -> tuple[ServerPlan, ...]:
    """Give node1, node2, ... at 10.5.0.110 and following."""
    if not 1 <= count <= MOST_SERVERS:
        raise LabError(f"a lab has 1 to {MOST_SERVERS} servers, not {count}")
    return tuple(
        ServerPlan(name=f"node{number}", address=f"10.5.0.{_FIRST_SERVER + number - 1}")
        for number in range(1, count + 1)
    )
