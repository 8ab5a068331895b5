"""A raw disk: the application uses the device itself; here it is only looked after."""

from __future__ import annotations

import attrs

from clpcore import api
from clpcore_disk import block, mounts, note
from clpcore_disk.block import Block
from clpcore_disk.settings import Config


@attrs.frozen
class Raw:
    """Makes sure that the device is there and that nobody has mounted it."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence: a note of this boot, and a device that is there and not mounted."""
        noted = note.read(ports)
        if noted is None:
            return api.Presence.INACTIVE
        found = await block.asked(ports, block.look, self.config.device)
        fine = found == noted and not self._mounts(ports, noted)
        return api.Presence.ACTIVE if fine else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Look at the device once more, then note that it may be used."""
        found = await block.asked(ports, block.look, self.config.device)
        if found is None:
            raise api.Failed(missing(self.config.device))
        self._refuse_mounts(ports, found)
        note.write(ports, found)

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Forget it. Whoever opened the device has been stopped before, by its own resource."""
        noted = note.read(ports)
        if noted is not None:
            self._refuse_mounts(ports, noted)
            note.remove(ports)

    def _mounts(self, ports: api.Ports, used: Block) -> tuple[mounts.Mount, ...]:
        return mounts.of(mounts.table(ports), used.number, {self.config.device, used.path})

    def _refuse_mounts(self, ports: api.Ports, used: Block) -> None:
        for mount in self._mounts(ports, used):
            raise api.Failed(
                f"{self.config.device} is a raw disk, and somebody has mounted it at {mount.point}:"
                f" umount {mount.point}"
            )


def missing(device: str) -> str:
    """Say that a device is not there."""
    return f"there is no {device} on this server: attach the disk, or correct the path (lsblk)"
