"""The zone's own name servers: which they are, where, and what they say of the name."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_azuredns import records, resolution
from clpcore_azuredns.asking import ask, within
from clpcore_azuredns.resolution import Said, Server
from clpcore_azuredns.settings import Config
from clpcore_lib_azure import Silent

_ASKING: Final = 2_000  # ms for all of them together: they are asked at once
_FOUND_FOR: Final = 3_600_000  # ms for which they are taken to be the same


@attrs.define
class Servers:
    """Those of one zone; found through its NS record set, and remembered for an hour."""

    config: Config
    _found: tuple[Server, ...] = ()
    _found_at: int = 0

    async def ask(self, call: api.Call, ports: api.Ports) -> tuple[Said, ...]:
        """Ask all of them for the name.

        Raises:
            Silent: Azure does not say who they are, or they cannot be found.
            Denied: the role may not read who they are.

        """
        servers = await self._find(call, ports)
        question = (resolution.ask, servers, self.config.fqdn)
        said = await within(_ASKING, call, ports, self.config, *question)
        if not any(each.addresses is not None for each in said):
            self._found = ()  # they may be others by now, or elsewhere
        return said

    async def _find(self, call: api.Call, ports: api.Ports) -> tuple[Server, ...]:
        if given := self.config.given_servers:
            return tuple(Server(name=host, address=host, port=port) for host, port in given)
        now = ports.now()
        if self._found and now - self._found_at < _FOUND_FOR:
            return self._found
        names = await ask(call, ports, self.config, records.name_servers)
        found = await within(_ASKING, call, ports, self.config, resolution.locate, names)
        if not found:
            text = f"no address is found for the name servers of zone {self.config.zone}"
            text += f" ({', '.join(names) or 'it has none'})"
            raise Silent(f"{text}. Can this server look up names (resolvectl)?")
        self._found, self._found_at = found, now
        return found
