"""``fipw``: the floating address is on the active server, and on no other one."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_fip.resource import Floating, find, validate, who_has
from clpcore_lib_netlink import Link, tenancy

_ANSWER: Final = 1_000  # ms for another machine that has the address, too


@attrs.frozen(kw_only=True)
class Config(Floating):
    """``[monitor.NAME]`` of type ``fipw``; what it shares with its ``fip`` it has from there."""

    watch_link: bool = api.setting(
        "Look at the interface's link, too; on a standby server as well: without a link it is no"
        " destination.",
        default=False,
        example="true",
    )
    watch_conflict: bool = api.setting(
        "Ask, where it is active, whether another machine answers for the address.",
        default=False,
        example="true",
    )


@attrs.frozen
class Fipw:
    """Looks where the kernel has the address."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look on the active server for the address, on any other one for its absence."""
        seen = await tenancy.look(call, ports, self.config.address)
        if seen.health is not api.Health.NORMAL:
            return seen
        wrong = await self._wrong_with_link(call, ports) or await self._conflict(call, ports)
        return api.Observation(api.Health.ERROR, wrong) if wrong else seen

    async def _wrong_with_link(self, call: api.Call, ports: api.Ports) -> str:
        if not self.config.watch_link:
            return ""
        return (await self._link(call, ports)).fault

    async def _conflict(self, call: api.Call, ports: api.Ports) -> str:
        if not self.config.watch_conflict or call.role is not api.Role.ACTIVE:
            return ""
        link, ip = await self._link(call, ports), self.config.address
        who = await who_has(ports, link, ip, _ANSWER)
        return f"{who} on {link.name} answers for {ip}, too: find that machine" if who else ""

    async def _link(self, call: api.Call, ports: api.Ports) -> Link:
        """Give the interface that has the address, or that would get it."""
        here = await tenancy.held(ports, self.config.address)
        interface = here[0].link if here else self.config.interface
        wanted = here[0].address if here else self.config.wanted
        return (await find(ports, wanted, interface, call.resource)).link


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="fipw",
    api=api.ApiVersion(0, 1),
    summary="Watches a floating address, on the active server and on all others.",
    config=Config,
    make=Fipw,
    validate=validate,
    capabilities=frozenset({api.Capability.WATCHES_STANDBY, api.Capability.NOT_ON_AZURE}),
    defaults={"interval": 60_000, "timeout": 60_000, "retry": 1},
)
