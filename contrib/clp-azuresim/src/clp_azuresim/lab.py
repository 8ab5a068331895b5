"""Bound to a lab: virtual machines are its servers, its balancer works by ARM's rules."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from clp_azuresim.machine import Power
from clp_azuresim.plan import Plan
from clp_lab.channel import Channel
from clp_lab.control import Control
from clp_lab.errors import LabError
from clp_lab.folders import CONTROL
from clp_lab.plan import AZURE_ADDRESSES, METADATA_ADDRESS, BalancerPlan

_MS = 1000


def placed(plan: Plan, lab: Path) -> Plan:
    """Give the same Azure on its machine of a lab, with every virtual machine a server there."""
    machines = (
        attrs.evolve(each, lab=lab, imds=f"{METADATA_ADDRESS}:80") for each in plan.machines
    )
    return attrs.evolve(
        plan,
        listen=f"{AZURE_ADDRESSES[0]}:443",
        dns=AZURE_ADDRESSES,
        dns_port=53,
        machines=tuple(machines),
    )


@attrs.frozen
class LabMachine:
    """A server of the lab in `folder`; paused it is on, as a machine that hangs is for Azure."""

    folder: Path
    server: str

    async def power_off(self) -> None:
        """Kill the server's PID 1; all of its processes are gone when this returns."""
        await asyncio.to_thread(self._cut)

    def _cut(self) -> None:
        channel = Channel.connect(str(self.folder / CONTROL))
        try:
            channel.ask({"do": "power", "off": self.server})
        finally:
            channel.close()

    async def shut_down(self) -> None:
        """Have the server's PID 1 stop its agent and end; one that is paused hears nothing."""
        await asyncio.to_thread(self._ask_to_end)

    def _ask_to_end(self) -> None:
        # Off already, or frozen: then the power is cut when its time is over.
        with contextlib.suppress(LabError):
            self._lab.stop(self.server)

    async def start(self) -> None:
        """Boot the server: a new life with a new boot id."""
        if await self.state() is Power.OFF:
            await asyncio.to_thread(lambda: self._lab.start(self.server))

    async def state(self) -> Power:
        status = await asyncio.to_thread(self._lab.status)
        return Power.OFF if status.server(self.server).power == "off" else Power.ON

    @property
    def _lab(self) -> Control:
        return Control(self.folder)


def balancer(
    body: Mapping[str, Any],
    servers: Mapping[str, str],
    *,
    public_address: str = "",
    pace: float = 1.0,
) -> BalancerPlan:
    """Give the lab's balancer that does what ARM's load balancer says.

    Args:
        body: as ARM gives it, with its one frontend, pool, rule and probe.
        servers: the names of the lab's servers by their addresses.
        public_address: the frontend's, if it is not an internal one: ARM keeps it elsewhere.
        pace: the probe's interval is multiplied by it; 0.04 makes 5 s a lab's 0.2 s.

    Raises:
        LabError: the lab has no such balancer; with the reason.
    """
    properties = body["properties"]
    rule = _only(properties["loadBalancingRules"], "rule", body)
    probe = _only([p for p in properties["probes"] if p["id"] == _id(rule, "probe")], "probe", body)
    frontend = _only(properties["frontendIPConfigurations"], "frontend", body)
    if rule["properties"]["protocol"].lower() != "tcp":
        raise LabError(
            f"{body['name']}: the lab balances TCP, not {rule['properties']['protocol']}"
        )
    address = frontend["properties"].get("privateIPAddress") or public_address
    if not address:
        raise LabError(f"{body['name']}: its frontend is public: give its address")
    return BalancerPlan(
        frontend=address,
        port=rule["properties"]["frontendPort"],
        backend_port=rule["properties"]["backendPort"],
        direct=rule["properties"]["enableFloatingIP"],
        probe_port=probe["properties"]["port"],
        interval=max(1, round(probe["properties"]["intervalInSeconds"] * _MS * pace)),
        threshold=probe["properties"].get("probeThreshold") or 1,
        idle=rule["properties"]["idleTimeoutInMinutes"] * 60 * _MS,
        pool=_pool(properties, rule, servers),
    )


def _pool(
    properties: Mapping[str, Any], rule: Mapping[str, Any], servers: Mapping[str, str]
) -> tuple[str, ...]:
    wanted = _id(rule, "backendAddressPool")
    addresses = [
        member["properties"]["ipAddress"]
        for pool in properties["backendAddressPools"]
        if pool["id"] == wanted
        for member in pool["properties"].get("loadBalancerBackendAddresses", ())
    ]
    strangers = [address for address in addresses if address not in servers]
    if strangers or not addresses:
        raise LabError(
            f"the pool {wanted} holds {', '.join(strangers) or 'nobody'}:"
            f" the lab's servers are {', '.join(sorted(servers))}"
        )
    return tuple(servers[address] for address in addresses)


def _id(rule: Mapping[str, Any], name: str) -> str:
    return str(rule["properties"].get(name, {}).get("id", ""))


def _only(found: list[Any], what: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if len(found) != 1:
        raise LabError(f"{body['name']} has {len(found)} of {what}: the lab's balancer has one")
    return found[0]
