"""A raw disk: the application uses the device itself; here it is only looked after."""

from __future__ import annotations

import attrs

from clpcore import api
from clpcore_disk import block, mounts
from clpcore_disk.settings import Config


@attrs.frozen
class Raw:
    """Makes sure that the device is there and that nobody has mounted it."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence: a marker of this boot, and a device that is there and not mounted."""
        if ports.read(_marker(ports)) is None:
            return api.Presence.INACTIVE
        found = await block.asked(ports, block.look, self.config.device)
        fine = found is not None and not self._mounts(ports, found)
        return api.Presence.ACTIVE if fine else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Look at the device once more, then remember that it may be used."""
        found = await block.asked(ports, block.look, self.config.device)
        if found is None:
            raise api.Failed(missing(self.config.device))
        self._refuse_mounts(ports, found)
        ports.write(_marker(ports), f"{found.path}\n")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Forget it. Whoever opened the device has been stopped before, by its own resource."""
        found = await block.asked(ports, block.look, self.config.device)
        if found is not None and ports.read(_marker(ports)) is not None:
            self._refuse_mounts(ports, found)
        ports.remove(_marker(ports))

    def _mounts(self, ports: api.Ports, found: block.Block) -> tuple[mounts.Mount, ...]:
        names = frozenset({self.config.device, found.path})
        return mounts.of(mounts.table(ports), found.number, names)

    def _refuse_mounts(self, ports: api.Ports, found: block.Block) -> None:
        for mount in self._mounts(ports, found):
            raise api.Failed(
                f"{self.config.device} is a raw disk, and somebody has mounted it at {mount.point}:"
                f" umount {mount.point}"
            )


def missing(device: str) -> str:
    """Say that a device is not there."""
    return f"there is no {device} on this server: attach the disk, or correct the path (lsblk)"


def _marker(ports: api.Ports) -> str:
    return f"{ports.places.run}/raw"
