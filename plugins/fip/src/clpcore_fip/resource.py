"""``fip``: the floating IP address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api
from clpcore_fip import neighbours, place
from clpcore_fip.place import Place
from clpcore_lib_netlink import Link, addresses, ask, links, tenancy

_HIGHEST_COUNT: Final = 99


@attrs.frozen(kw_only=True)
class Floating:
    """The settings that resource and monitor share."""

    ip: str = api.setting(
        "The floating address, with or without the prefix of its subnet; IPv4 or IPv6.",
        example='"10.0.0.100"',
    )
    interface: str = api.setting(
        "The network interface; empty: the one that has an address in the same subnet.",
        default="",
        example='"eth0"',
    )

    @property
    def address(self) -> str:
        """Give the address alone, as the kernel writes it."""
        return str(ipaddress.ip_interface(self.ip).ip)

    @property
    def wanted(self) -> str:
        """Give the address with its prefix if one is set."""
        return self.address + "".join(self.ip.partition("/")[1:])


@attrs.frozen(kw_only=True)
class Config(Floating):
    """``[group.GROUP.resource.NAME]`` of type ``fip``."""

    force: bool = api.setting(
        "Activate it although another machine answers for the address (IPv4; an IPv6 address that"
        " is taken is refused by the kernel).",
        default=False,
        example="true",
    )
    ping_timeout: int = api.setting(
        "How long an answer of another machine is waited for before the address counts as free.",
        default=1_000,
        unit="ms",
        example="1",
        low=1,
    )
    ping_retry: int = api.setting(
        "How often it is asked again while another machine answers: it may be about to stop.",
        default=5,
        example="5",
        low=0,
        high=_HIGHEST_COUNT,
    )
    ping_interval: int = api.setting(
        "How long to wait before it is asked again.", default=1_000, unit="ms", example="1", low=0
    )
    link_check: bool = api.setting(
        "Refuse to activate it on an interface without a link.", default=True, example="false"
    )
    announcements: int = api.setting(
        "How often the network is told that the address is here now.",
        default=5,
        example="5",
        low=1,
        high=_HIGHEST_COUNT,
    )
    announce_interval: int = api.setting(
        "How long to wait between two announcements.",
        default=300,
        unit="ms",
        example='"300 ms"',
        low=0,
    )


@attrs.frozen
class Fip:
    """Puts the address on an interface, after nobody else answered for it, and announces it."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Ask the kernel: an address that is here, but not ours, is not our resource."""
        return await tenancy.presence(call, ports, self.config.address)

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Find the place, see that the address is free, add it, tell the network."""
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        if theirs := await tenancy.stranger(call, ports, self.config.address):
            raise api.Failed(
                f"{theirs}: take it out of the system's network configuration, only the cluster"
                " may set it"
            )
        await tenancy.move_out(call, ports, self.config.address)
        chosen = await find(ports, self.config.wanted, self.config.interface, call.resource)
        if self.config.link_check and chosen.link.fault:
            raise api.Failed(f"{self.config.address} is not activated: {chosen.link.fault}")
        await self._see_that_it_is_free(ports, chosen)
        await tenancy.move_in(ports, chosen.held)
        await self._announce(ports, chosen)

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Remove the address wherever it is on this server; one that is not ours stays."""
        await tenancy.move_out(call, ports, self.config.address)

    async def _see_that_it_is_free(self, ports: api.Ports, chosen: Place) -> None:
        who = await self._who_has(ports, chosen)
        if who and self.config.force:
            ports.tell(f"{chosen.held.ip} is activated by force: {who} answers for it, too")
            return
        for _ in range(self.config.ping_retry):
            if not who:
                return
            await ports.sleep(self.config.ping_interval)
            who = await self._who_has(ports, chosen)
        if who:
            raise api.Failed(
                f"another machine on {chosen.held.link} has {chosen.held.ip}: {who} answers for it;"
                " find that machine and take the address from it (a router with proxy ARP answers"
                " for every address: then set force = true)"
            )

    async def _who_has(self, ports: api.Ports, chosen: Place) -> str:
        return await who_has(ports, chosen.link, chosen.held.ip, self.config.ping_timeout)

    async def _announce(self, ports: api.Ports, chosen: Place) -> None:
        """Announce it several times: a switch that has just got a link forgets the first ones."""
        for sent in range(self.config.announcements):
            if sent:
                await ports.sleep(self.config.announce_interval)
            what = f"{chosen.held.ip} cannot be announced on {chosen.link.name}"
            await ask(ports, what, neighbours.announce, chosen.link, chosen.held.ip)


async def find(ports: api.Ports, wanted: str, interface: str, resource: str) -> Place:
    """Give the place where the address goes on this server, as it is now."""
    what = "this server's interfaces cannot be read"
    found, held = await ask(ports, what, links), await ask(ports, what, addresses)
    return place.choose(wanted, interface, resource, found, held)


async def who_has(ports: api.Ports, link: Link, ip: str, timeout: int) -> str:  # noqa: ASYNC109 - ms, and the function's
    """Give the MAC address of another machine that has the address; empty: none."""
    what = f"nobody can be asked on {link.name} whether {ip} is free"
    return await ask(ports, what, neighbours.who_has, link, ip, timeout)


def validate(config: Floating) -> Iterable[api.Problem]:
    """Find an address that is none, or none to float."""
    ip = config.ip
    try:
        found = ipaddress.ip_interface(ip)
    except ValueError:
        remedy = 'Write an IPv4 or IPv6 address, such as "10.0.0.100" or "10.0.0.100/24".'
        yield api.Problem("ip", f"{ip} is no IP address.", remedy)
        return
    if found.ip.is_loopback or found.ip.is_multicast or found.ip.is_unspecified:
        what = f"{ip} cannot be the address of one server on a network."
        yield api.Problem("ip", what, "Give a free address of the servers' subnet.")
    edges = {found.network.network_address, found.network.broadcast_address}
    if found.version == 4 and found.network.num_addresses > 2 and found.ip in edges:  # noqa: PLR2004
        what = f"{found.ip} is the network itself, or everybody in it, not one address."
        yield api.Problem("ip", what, f"Give a free address within {found.network}.")
    if found.ip.is_link_local and not config.interface:
        what = f"{found.ip} is the same subnet on every interface."
        yield api.Problem("ip", what, 'Name the interface: interface = "eth0".')


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="fip",
    api=api.ApiVersion(0, 1),
    summary="Gives the active server an address that clients find it by.",
    config=Config,
    make=Fip,
    validate=validate,
    capabilities=frozenset({api.Capability.ADDRESS, api.Capability.NOT_ON_AZURE}),
    defaults={"activation_retry": 5},
    pairs_with=("fipw",),
    activates_after=("*",),
)
