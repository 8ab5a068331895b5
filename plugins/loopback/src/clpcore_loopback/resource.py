"""``loopback``: an address that a load balancer delivers packets for, and that nobody is told."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_lib_netlink import Held, tenancy
from clpcore_loopback import silence

LINK: Final = "lo"


@attrs.frozen(kw_only=True)
class Config:
    """``[group.GROUP.resource.NAME]`` of type ``loopback``; ``loopbackw`` shares it."""

    ip: str = api.setting(
        "The front-end address of the load balancer, without a prefix; IPv4 or IPv6.",
        example='"10.5.0.200"',
    )
    interfaces: tuple[str, ...] = api.setting(
        "Interfaces that must not answer ARP for it; empty: all but the loopback interface.",
        default=(),
        example='["eth0"]',
    )

    @property
    def address(self) -> str:
        """Give the address as the kernel writes it."""
        return str(ipaddress.ip_address(self.ip))

    @property
    def has_arp(self) -> bool:
        """Tell whether ARP could give it away; IPv6 answers on the address's own interface only."""
        return ipaddress.ip_address(self.ip).version == 4  # noqa: PLR2004


@attrs.frozen
class Loopback:
    """Puts the address on the loopback interface, after the others were made silent."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Ask the kernel: an address that is here, but not ours, is not our resource."""
        return await tenancy.presence(call, ports, self.config.address)

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Make the interfaces silent, then add the address."""
        if self.config.has_arp:
            await silence.keep(ports, self.config.interfaces)
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        if theirs := await tenancy.stranger(call, ports, self.config.address):
            raise api.Failed(
                f"{theirs}: take it out of the system's network configuration, only the cluster"
                " may set it"
            )
        await tenancy.move_out(call, ports, self.config.address)
        await tenancy.move_in(ports, _place(self.config.address, call.resource))

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Remove the address wherever it is on this server; one that is not ours stays."""
        await tenancy.move_out(call, ports, self.config.address)


def _place(ip: str, resource: str) -> Held:
    alone = ipaddress.ip_network(ip).with_prefixlen  # /32 or /128: no route comes with it
    label = "" if ":" in ip else tenancy.label(LINK, resource)
    return Held(link=LINK, address=alone, label=label)


def validate(config: Config) -> Iterable[api.Problem]:
    """Find an address that is none, or none that a balancer has."""
    try:
        found = ipaddress.ip_address(config.ip)
    except ValueError:
        remedy = 'Write the balancer\'s address without a prefix, such as "10.5.0.200".'
        yield api.Problem("ip", f"{config.ip} is no IP address.", remedy)
        return
    if found.is_loopback or found.is_multicast or found.is_unspecified or found.is_link_local:
        what = f"{config.ip} cannot be the address of a load balancer."
        yield api.Problem("ip", what, "Give the address of the balancer's front end.")


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="loopback",
    api=api.ApiVersion(0, 1),
    summary="Accepts packets for a load balancer's address: direct server return.",
    config=Config,
    make=Loopback,
    validate=validate,
    # No ADDRESS, and after nothing: it draws no client here. The application may bind to it; the
    # probe port, which does draw clients, comes after everything that is no ADDRESS.
    pairs_with=("loopbackw",),
)
