"""What a disk with a file system is like at one moment, and what that forbids."""

from __future__ import annotations

import attrs

from clpcore import api
from clpcore_disk import block, mounts, note
from clpcore_disk.block import Block
from clpcore_disk.mounts import Mount
from clpcore_disk.settings import Config


@attrs.frozen(kw_only=True)
class Now:
    """What is, at one moment.

    Attributes:
        config: what the operator says.
        named: the device that ``config.device`` leads to; None: to none.
        slip: what it leads to instead.
        noted: the device that this server has noted as its own.
        ours: whom all this is about: *noted* as long as it is in use here, else *named*.
        mine: the mounts of *ours*.
        there: all mounts at the mount point; the last one is seen.
        held: *ours* is not mounted here, but somebody has it for himself.
        parts: the volumes that *ours* is part of.

    """

    config: Config
    named: Block | None
    slip: str
    noted: Block | None
    ours: Block | None
    mine: tuple[Mount, ...]
    there: tuple[Mount, ...]
    held: bool
    parts: tuple[str, ...]

    @property
    def mounted(self) -> bool:
        """Tell whether our device is what is seen at the mount point."""
        return bool(self.there) and self.there[-1] in self.mine

    @property
    def leads_here(self) -> bool:
        """Tell whether the configuration still names the device that is ours."""
        return self.named is not None and self.named == self.ours

    @property
    def by_us(self) -> bool:
        """Tell whether it was mounted by this resource: whoever else has it got it from us."""
        return _is(self.noted, self.ours)

    @property
    def name(self) -> str:
        """Name the device, in a sentence."""
        path = self.config.device
        return path if self.leads_here or self.ours is None else f"{self.ours.path} ({path})"

    @property
    def numbers(self) -> frozenset[str]:
        """Give the ``major:minor`` by which files of it are known."""
        own = {self.ours.number} if self.ours else set()
        return frozenset(own | {mount.number for mount in self.mine})

    @property
    def unsure(self) -> str:
        """Say why what is mounted at the mount point may be our disk; "": it is clear."""
        strange = [mount for mount in self.there if mount not in self.mine and mount.has_device]
        if self.named is not None or not strange:
            return ""
        return (
            f"{strange[-1].source} is mounted at {self.config.mount_point}, and"
            f" {self.slip or f'there is no {self.config.device} any more'}: nobody knows whether"
            f" that is the same disk; bring {self.config.device} back, or umount"
            f" {self.config.mount_point}"
        )

    def refuse_slips(self) -> None:
        """Refuse devices that this resource can never have mounted.

        Raises:
            Misconfigured: it is the disk of the system, part of a volume, or no device at all.

        """
        path = self.config.device
        if any(mount.point == "/" for mount in self.mine):
            raise api.Misconfigured(f"{path} is the disk of this system: write another device")
        if self.parts:
            parts = ", ".join(self.parts)
            raise api.Misconfigured(f"{path} is part of {parts}: write another device")
        if self.slip and self.ours is None and not self.unsure:
            raise api.Misconfigured(self.slip)


async def look(config: Config, ports: api.Ports) -> Now:
    """Look at the device, the kernel's table of mounts, and the note.

    Raises:
        Failed: one of them cannot be read: nobody knows.

    """
    named, slip = await _named(config, ports)
    every, noted = mounts.table(ports), note.read(ports)
    ours, names = named, {config.device}
    if not _is(noted, named) and await _in_use(ports, every, noted):
        ours, names = noted, set()
    mine = mounts.of(every, ours.number if ours else None, names | ({ours.path} if ours else set()))
    held = bool(ours and not mine and await block.asked(ports, block.is_held, ours))
    return Now(
        config=config,
        named=named,
        slip=slip,
        noted=noted,
        ours=ours,
        mine=mine,
        there=tuple(mount for mount in every if mount.point == config.mount_point),
        held=held,
        parts=await block.asked(ports, block.holders, ours) if ours and held else (),
    )


async def _named(config: Config, ports: api.Ports) -> tuple[Block | None, str]:
    try:
        return await block.asked(ports, block.look, config.device), ""
    except api.Misconfigured as slip:
        return None, str(slip)


async def _in_use(ports: api.Ports, every: tuple[Mount, ...], noted: Block | None) -> bool:
    """Tell whether what was noted is mounted here, or held in another mount namespace."""
    if noted is None:
        return False
    if mounts.of(every, noted.number, {noted.path}):
        return True
    try:
        there = await block.asked(ports, block.look, noted.path)
    except api.Misconfigured:
        return False
    return _is(noted, there) and await block.asked(ports, block.is_held, noted)


def _is(noted: Block | None, other: Block | None) -> bool:
    return noted is not None and other is not None and noted.number == other.number
