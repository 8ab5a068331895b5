"""``azurednsw``: the record is there with the right address, and the name servers say the same."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_azuredns import note, records
from clpcore_azuredns.asking import ask
from clpcore_azuredns.judging import Look, judge, short
from clpcore_azuredns.servers import Servers
from clpcore_azuredns.settings import MonitorConfig, OnNoAnswer
from clpcore_lib_azure import Silent

_SOON: Final = 30  # days before its end in which a certificate is worth a warning


@attrs.define
class Azurednsw:
    """Looks at the name of its ``azuredns``, whose settings it shares.

    Azure throttles who reads records often, so it is read once in ``azure_interval``; name servers
    are asked at every look.
    """

    config: MonitorConfig
    _servers: Servers = attrs.field(init=False)
    _read_at: int | None = None  # ms of the last read of the record
    _well_at: int | None = None  # ms of the last look that saw all well
    _days: int | None = None  # that the certificate is valid

    @_servers.default
    def _of_the_zone(self) -> Servers:
        return Servers(self.config)

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        """Look at the name; on a standby server, see that it could be taken: that it signs in."""
        if call.role is api.Role.STANDBY:
            return await self._could_take(call, ports)
        look = await self._ask_azure(call, ports)
        if self.config.check_name_resolution:
            look = await self._ask_servers(call, ports, look)
        seen = judge(self.config, call, self._with_times(ports, look))
        if seen.health is not api.Health.NORMAL:
            return seen
        if look.shows(self.config.ip):
            self._well_at = ports.now()
        return self._about_certificate(seen)

    def _with_times(self, ports: api.Ports, look: Look) -> Look:
        taken, now = note.read(ports), ports.now()
        return attrs.evolve(
            look,
            written=now - taken.written if taken and taken.written else None,
            seen=None if self._well_at is None else now - self._well_at,
        )

    async def _ask_azure(self, call: api.Call, ports: api.Ports) -> Look:
        now = ports.now()
        due = self._read_at is None or now - self._read_at >= self.config.azure_interval
        if not due and self.config.check_name_resolution:
            return Look()
        self._read_at = now
        try:
            found = await ask(call, ports, self.config, records.read)
            self._days = await ask(call, ports, self.config, records.sign_in)
        except api.DriverError as error:
            return Look(asked=True, error=error)
        return Look(asked=True, record=found)

    async def _ask_servers(self, call: api.Call, ports: api.Ports, look: Look) -> Look:
        try:
            return attrs.evolve(look, said=await self._servers.ask(call, ports))
        except Silent as silent:
            return attrs.evolve(look, unfound=str(silent))
        except api.DriverError as error:
            return attrs.evolve(look, refused=error)

    # -- on a standby server

    async def _could_take(self, call: api.Call, ports: api.Ports) -> api.Observation:
        try:
            self._days = await ask(call, ports, self.config, records.sign_in)
        except Silent as silent:
            return self._unanswered(ports, silent)
        except api.DriverError as error:
            said = f"this server could not take {self.config.fqdn}: {error}"
            return api.Observation(api.Health.WARNING, short(said))
        self._well_at = ports.now()
        said = f"this server can sign in, to take {self.config.fqdn}"
        return self._about_certificate(api.Observation(api.Health.NORMAL, said))

    def _unanswered(self, ports: api.Ports, silent: Silent) -> api.Observation:
        said = f"this server could not sign in: {silent}"
        if self.config.on_no_answer is not OnNoAnswer.IGNORE:
            return api.Observation(api.Health.WARNING, short(said))
        if self._well_at is None:
            return api.Observation(api.Health.UNKNOWN, short(said))
        ago = (ports.now() - self._well_at) / 1_000
        return api.Observation(api.Health.NORMAL, short(f"{ago:.0f} s ago it could; {said}"))

    def _about_certificate(self, seen: api.Observation) -> api.Observation:
        if self._days is None or self._days >= _SOON:
            return seen
        said = f"{seen.sentence}; the certificate in {self.config.certificate_file} ends in"
        said += f" {self._days} days: make and register a new one"
        return api.Observation(api.Health.WARNING, short(said))
