"""``loopbackw``: the balancer's address is on the active server's loopback, and on no other's."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_lib_netlink import tenancy
from clpcore_loopback import silence
from clpcore_loopback.resource import Config, validate


@attrs.frozen
class Loopbackw:
    """Looks where the kernel has the address, and whether ARP is silent there.

    On a standby server the address would keep this server's own connections to the service here.
    """

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look on the active server for the address, on any other one for its absence."""
        seen = await tenancy.look(call, ports, self.config.address)
        active = call.role is api.Role.ACTIVE and seen.health is api.Health.NORMAL
        if active and self.config.has_arp:
            loud = await silence.broken(ports, self.config.interfaces)
            return api.Observation(api.Health.ERROR, loud) if loud else seen
        return seen


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="loopbackw",
    api=api.ApiVersion(0, 1),
    summary="Watches an address on the loopback interface, on the active server and on all others.",
    config=Config,
    make=Loopbackw,
    validate=validate,
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 60_000, "timeout": 60_000, "retry": 1},
)
