"""``azuredns``: takes a name for the active server, and gives it back.

Whoever has the group's highest epoch has the name: the record says for which epoch it was written,
and is written only over the version that was read. So a server that was away, or a write of its
that comes late, changes nothing. A role that may not read records can only write: then the claim of
the group, which comes before, is all that keeps a stale server away.
"""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_azuredns import note, records
from clpcore_azuredns.asking import ask, left
from clpcore_azuredns.note import Note
from clpcore_azuredns.record import Record, wanted
from clpcore_azuredns.servers import Servers
from clpcore_azuredns.settings import Config
from clpcore_lib_azure import Changed, Conflict, Denied, Silent, Throttled

_PAUSE, _LONGEST_PAUSE = 500, 8_000  # ms between two tries, doubled each time
_RACES: Final = 5  # changes by others, one after the other, that are looked at at once
_GIVES_UP: Final = 30_000  # ms after which a record that cannot be deleted is left behind
_ENDINGS: Final = frozenset({api.Event.STOP, api.Event.CLUSTER_STOP})

_blind: set[str] = set()  # names whose records this worker may not read, and has said so


@attrs.frozen
class Azuredns:
    """Takes the name ``config.fqdn`` for this server."""

    config: Config
    _servers: Servers = attrs.field(init=False)

    @_servers.default
    def _of_the_zone(self) -> Servers:
        return Servers(self.config)

    # -- presence

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell whether this boot has taken the name, and still has it.

        What an earlier boot has left is nobody's: it is overwritten by whoever starts the group.
        """
        taken = note.read(ports)
        if taken is None:
            return api.Presence.INACTIVE
        try:
            found = await ask(call, ports, self.config, records.read)
        except Silent as silent:
            ports.tell(str(silent))
            return api.Presence.UNKNOWN
        except Denied as denied:
            self._say_blind(ports, denied)
            return await self._resolved(call, ports)
        if found is None or self._is_lost(found, call, taken):
            return api.Presence.INACTIVE
        if self.config.ip not in found.addresses:
            return api.Presence.INACTIVE
        alone = found.addresses == (self.config.ip,)
        return api.Presence.ACTIVE if alone else api.Presence.BROKEN

    async def _resolved(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence by what the name servers say."""
        try:
            said = await self._servers.ask(call, ports)
        except (Silent, Denied) as error:
            ports.tell(str(error))
            return api.Presence.UNKNOWN
        found = {each.addresses for each in said if each.addresses is not None}
        if (self.config.ip,) in found:
            return api.Presence.ACTIVE
        return api.Presence.INACTIVE if found else api.Presence.UNKNOWN

    @staticmethod
    def _is_lost(found: Record, call: api.Call, taken: Note) -> bool:
        return found.group == call.group and found.epoch > taken.epoch > 0

    # -- taking it

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Write the record, and read it back; ask again, until the deadline, where nobody answers.

        Raises:
            Failed: Azure does not answer, or another server has the name by a higher epoch.
            Misconfigured: it would never work like this.

        """
        note.write(ports, Note(epoch=call.epoch))
        pause = _PAUSE
        while True:
            try:
                return await self._take(call, ports)
            except (Silent, Conflict) as error:
                wait = _wait(error, pause)
                if wait >= left(call, ports):
                    raise
                ports.tell(f"{error}; asks again in {wait / 1_000:g} s")
            await ports.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _take(self, call: api.Call, ports: api.Ports) -> None:
        """Write it once, over what was read; look again where somebody else was faster."""
        for again in range(_RACES, -1, -1):
            try:
                found = await ask(call, ports, self.config, records.read)
            except Denied as denied:
                self._say_blind(ports, denied)
                await self._overwrite(call, ports)
                return
            try:
                await self._write(call, ports, found)
                return
            except Changed as changed:
                if not again:
                    raise
                ports.tell(f"{changed}; looks again")

    async def _write(self, call: api.Call, ports: api.Ports, found: Record | None) -> None:
        """Write over *found*, unless it is as it shall be; see that it came to stand there."""
        if found is not None and found.is_newer_than(call):
            raise api.Failed(
                f"{self.config.about} is {found}, and this server knows epoch {call.epoch} only: it"
                " is stale, and leaves the name alone. If the cluster was set up anew, delete the"
                " record set in Azure"
            )
        record = wanted(self.config, call, found)
        if found is None or not found.says(record):
            match = found.etag if found else records.NEW
            await ask(call, ports, self.config, records.write, record, match)
            found = await ask(call, ports, self.config, records.read)
        if found is None or not found.says(record):
            raise Changed(f"{self.config.about} was written, and reads back as {found or 'absent'}")
        self._note(call, ports, found)

    async def _overwrite(self, call: api.Call, ports: api.Ports) -> None:
        """Write it whatever is there, as the right to the group says; the answer is the proof."""
        record = wanted(self.config, call, None)
        found = await ask(call, ports, self.config, records.write, record, "")
        if not found.says(record):
            raise Silent(f"{self.config.about} was written, and Azure answers that it is {found}")
        self._note(call, ports, found)

    @staticmethod
    def _note(call: api.Call, ports: api.Ports, found: Record) -> None:
        note.write(ports, Note(epoch=call.epoch, etag=found.etag, written=ports.now()))

    def _say_blind(self, ports: api.Ports, denied: Denied) -> None:
        if self.config.fqdn not in _blind:
            _blind.add(self.config.fqdn)
            ports.tell(f"{denied}. Until then it is written without a condition, after the claim")

    # -- giving it back

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Give the name back; delete its record where the group is to be served nowhere.

        A record that cannot be deleted is left behind: it names a server that does not serve, which
        harms nobody as much as a server that is shut down because Azure does not answer.
        """
        taken = note.read(ports)
        if taken is not None and self._ends(call):
            try:
                await self._delete(call, ports, taken)
            except api.DriverError as error:
                ports.tell(f"{self.config.about} is left behind: {error}")
        note.remove(ports)

    def _ends(self, call: api.Call) -> bool:
        """Tell whether nobody is to have the name: whoever has it next overwrites it."""
        stopped = call.event in _ENDINGS and call.epoch > 0 and not call.lost
        return stopped and self.config.delete_at_deactivation

    async def _delete(self, call: api.Call, ports: api.Ports, taken: Note) -> None:
        """Delete it if it is still what was written here; ask again for a while."""
        call = attrs.evolve(call, deadline=min(call.deadline, ports.now() + _GIVES_UP))
        pause = _PAUSE
        while True:
            try:
                etag = await self._mine(call, ports, taken)
                if etag:
                    await ask(call, ports, self.config, records.delete, etag)
                return
            except Changed:
                return  # somebody has it by now
            except (Silent, Conflict) as error:
                wait = _wait(error, pause)
                if wait >= left(call, ports):
                    raise
            await ports.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _mine(self, call: api.Call, ports: api.Ports, taken: Note) -> str:
        """Give the version that may be deleted; empty: there is none, or it is somebody else's."""
        try:
            found = await ask(call, ports, self.config, records.read)
        except Denied as denied:
            self._say_blind(ports, denied)
            return taken.etag
        if found is None or self.config.ip not in found.addresses:
            return ""
        return found.etag if found.group == call.group and found.epoch <= call.epoch else ""


def _wait(error: api.DriverError, pause: int) -> int:
    """Give the ms until the next try; who throttles is heeded for so long only: clients wait."""
    wanted = error.wait if isinstance(error, Throttled) else 0
    return max(pause, min(wanted, _LONGEST_PAUSE))
