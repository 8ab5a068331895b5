"""What an Azure consists of when it starts: the values behind its file, the guide's by default."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from clp_azuresim.roles import Role

SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
TENANT = "11111111-1111-1111-1111-111111111111"
APPLICATION = "33333333-3333-3333-3333-333333333333"
RESOURCE_GROUP = "TestGroup1"
ANYTHING = Role(actions=("*",))


@attrs.frozen(kw_only=True)
class ApplicationPlan:
    """An application of the directory and its principal.

    Attributes:
        name: how the journal calls it.
        certificates: PEM files with what it may sign in with, beside the one that is made for it.
        roles: what it may do; it begins with what stands here.
    """

    name: str
    id: str = APPLICATION
    certificates: tuple[Path, ...] = ()
    roles: tuple[Role, ...] = (ANYTHING,)


@attrs.frozen(kw_only=True)
class RecordPlan:
    """A record set of A records that a zone begins with."""

    name: str
    addresses: tuple[str, ...]
    ttl: int = 3600


@attrs.frozen(kw_only=True)
class ZonePlan:
    """A public DNS zone."""

    name: str
    resource_group: str = RESOURCE_GROUP
    records: tuple[RecordPlan, ...] = ()


@attrs.frozen(kw_only=True)
class MachinePlan:
    """A virtual machine.

    Attributes:
        address: of its network card, private.
        identity: the application that its managed identity speaks for; "" has none.
        availability_set: machines of one see each other's scheduled events.
        computer_name: what the system in it calls itself; "" is the machine's name.
        imds: host and port of its metadata service; port 0: one that is free. Machines that name
            the same place are told apart by the address they ask from.
        lab: folder of a lab whose server it is bound to; None: a switch that is nothing else.
        server: that server's name; "" is the machine's.
    """

    name: str
    address: str = ""
    resource_group: str = RESOURCE_GROUP
    zone: str = "1"
    size: str = "Standard_D2s_v5"
    identity: str = ""
    availability_set: str = ""
    computer_name: str = ""
    tags: Mapping[str, str] = attrs.field(factory=dict)
    imds: str = "127.0.0.1:0"
    lab: Path | None = None
    server: str = ""


@attrs.frozen(kw_only=True)
class ProbePlan:
    """A health probe; interval in seconds, `path` for http and https."""

    name: str = "TestHealthProbe"
    protocol: str = "Tcp"
    port: int = 26001
    interval: int = 5
    threshold: int = 2
    path: str = ""


@attrs.frozen(kw_only=True)
class RulePlan:
    """A rule; with a floating address (direct server return) both ports are equal."""

    name: str = "TestLoadBalancingRule"
    port: int = 80
    backend_port: int = 8080
    probe: str = "TestHealthProbe"
    floating: bool = False
    idle: int = 4


@attrs.frozen(kw_only=True)
class BalancerPlan:
    """A load balancer with one frontend and one pool; internal where it has a private address.

    Attributes:
        frontend: public or private address, by `internal`.
        pool: names of machines of the same resource group.
    """

    name: str
    frontend: str
    internal: bool = False
    resource_group: str = RESOURCE_GROUP
    pool_name: str = "TestBackendPool"
    pool: tuple[str, ...] = ()
    probes: tuple[ProbePlan, ...] = (ProbePlan(),)
    rules: tuple[RulePlan, ...] = (RulePlan(),)


@attrs.frozen(kw_only=True)
class Timing:
    """How long things take, in seconds.

    Attributes:
        operation: of a virtual machine, with skipShutdown where that is about powering off.
        shutdown: what an operating system gets for an orderly end before the power goes.
        events_first: until the first look at scheduled events is answered; Azure takes up to 120.
    """

    operation: float = 1.0
    shutdown: float = 3.0
    events_first: float = 0.0


@attrs.frozen(kw_only=True)
class Plan:
    """A whole Azure.

    Attributes:
        listen: host and port of ARM and Entra (TLS); port 0: one that is free.
        hosts: further names and addresses that the TLS certificate holds.
        dns: addresses of the four name servers; empty: four on loopback that are free.
        dns_port: their port; 0: one that is free on all four.
    """

    subscription: str = SUBSCRIPTION
    tenant: str = TENANT
    location: str = "japaneast"
    applications: tuple[ApplicationPlan, ...] = ()
    zones: tuple[ZonePlan, ...] = ()
    machines: tuple[MachinePlan, ...] = ()
    balancers: tuple[BalancerPlan, ...] = ()
    timing: Timing = attrs.field(factory=Timing)
    listen: str = "127.0.0.1:0"
    hosts: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_port: int = 0


def guide() -> Plan:
    """Give the Azure of the guide: two machines, a zone, a public and an internal balancer."""
    machines = ("node1", "node2")
    return Plan(
        applications=(ApplicationPlan(name="cluster"),),
        zones=(ZonePlan(name="cluster1.zone"),),
        machines=tuple(
            MachinePlan(name=name, address=f"10.5.0.{110 + number}", identity="cluster")
            for number, name in enumerate(machines)
        ),
        balancers=(
            BalancerPlan(name="TestLoadBalancer", frontend="203.0.113.10", pool=machines),
            BalancerPlan(
                name="TestInternalLoadBalancer",
                frontend="10.5.0.200",
                internal=True,
                pool=machines,
            ),
        ),
    )
