"""``lbppw``: the probe port answers where the group is active, and nowhere else."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_lbpp import flows, table
from clpcore_lbpp.resource import LISTENER, Config, unanswered, validate, whose

_ANSWER: Final = 5_000  # ms; the balancer's own patience


@attrs.frozen
class Lbppw:
    """Looks at the port of its ``lbpp``, whose settings it shares."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look on the active server for an answer, on any other one for silence."""
        if call.role is api.Role.ACTIVE:
            return await self._where_active(ports)
        if table.somebody_listens(ports, self.config.address, self.config.port):
            return api.Observation(
                api.Health.ERROR,
                f"the group is not active here, but {whose(self.config, ports)}",
            )
        return api.Observation(api.Health.NORMAL, f"nobody listens on port {self.config.port}")

    async def _where_active(self, ports: api.Ports) -> api.Observation:
        process = await ports.kept(LISTENER)
        if process is None:
            return api.Observation(
                api.Health.ERROR, "the probe-port process has ended", certain=True
            )
        # Silence is an error here, not an unknown: the balancer asks the same and will not wait.
        if silent := await unanswered(self.config, ports, _ANSWER):
            said = f"process {process.pid} lives, but {silent}"
            return api.Observation(api.Health.ERROR, said)
        if self.config.reset_ports and (why := await _why_not(ports)):
            return api.Observation(
                api.Health.WARNING,
                f"connections to reset_ports will stay at a move, {why}: let the stop script of the"
                " application close them, and leave reset_ports out",
            )
        return api.Observation(api.Health.NORMAL, f"port {self.config.port} answers")


async def _why_not(ports: api.Ports) -> str:
    """Say why connections could not be reset here; empty: they could."""
    try:
        return await ports.outside(flows.cannot)
    except OSError as error:
        return f"the kernel cannot be asked: {error}"


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="lbppw",
    api=api.ApiVersion(0, 1),
    summary="Watches a load balancer's probe port, on the active server and on all others.",
    config=Config,
    make=Lbppw,
    validate=validate,
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 60_000, "timeout": 180_000, "retry": 1},
)
