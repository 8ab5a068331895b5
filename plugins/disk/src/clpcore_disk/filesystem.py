"""A disk with a file system: checked, mounted, unmounted, and never in use in two places."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_disk import block, check, mounts, users
from clpcore_disk.raw import missing
from clpcore_disk.settings import Config, Force

_AFTER_KILL: Final = 200  # ms until killed processes have let go
_COMMAND: Final = 60_000  # ms for commands that only look


@attrs.frozen(kw_only=True)
class _Now:
    """What is, at one moment: the device (None: not there), its mounts, what is at our point.

    *held*: it is not mounted here, but somebody has it for himself; *parts*: volumes made of it.
    """

    found: block.Block | None
    mine: tuple[mounts.Mount, ...]
    at_point: mounts.Mount | None
    held: bool
    parts: tuple[str, ...]

    @property
    def mounted(self) -> bool:
        """Tell whether the device is what is seen at the mount point."""
        return self.at_point is not None and self.at_point in self.mine

    @property
    def numbers(self) -> frozenset[str]:
        own = {self.found.number} if self.found else set()
        return frozenset(own | {mount.number for mount in self.mine})

    @property
    def is_system(self) -> bool:
        """Tell whether it is the disk of the system itself: a slip of the configuration."""
        return any(mount.point == "/" for mount in self.mine)


@attrs.frozen
class Disk:
    """Mounts the device at its mount point."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence; a disk in use elsewhere on this server is BROKEN, not INACTIVE.

        Raises:
            Misconfigured: it is the disk of the system, or part of a volume.

        """
        now = await self._look(ports)
        self._refuse_slips(now)
        if now.mounted:
            ready = now.found is not None and self._as_wanted(now)
            return api.Presence.ACTIVE if ready else api.Presence.BROKEN
        return api.Presence.BROKEN if now.mine or now.held else api.Presence.INACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Check the file system when its time has come, and mount it."""
        now = await self._look(ports)
        self._refuse_slips(now)
        if not now.mounted:
            found = self._refuse_use(now)
            kind = await self._file_system(ports, found)
            await check.before_mount(self.config, ports, kind)
            await self._mount(ports, kind)
            now = await self._look(ports)
        if not self._as_wanted(now):
            raise api.Failed(
                f"{self.config.device} is mounted read-only at {self.config.mount_point}, although"
                f" the options are {self.config.mount_options}: the device is write-protected, or"
                " the kernel has found an error on it (dmesg)"
            )

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """Unmount it everywhere on this server.

        Never lazily: the kernel would go on writing while another server mounts it.

        Raises:
            Failed: it is still in use, by whom.

        """
        said = ""
        for tries_left in range(self.config.umount_retry, -1, -1):
            said = await self._release(ports)
            if not said:
                return
            killed = await self._kill_users(ports)
            if tries_left:
                await ports.sleep(_AFTER_KILL if killed else self.config.umount_retry_interval)
        raise api.Failed(f"{said}; {await self._whose(ports)}")

    # -- looking

    async def _look(self, ports: api.Ports) -> _Now:
        found = await block.asked(ports, block.look, self.config.device)
        every = mounts.table(ports)
        names = frozenset({self.config.device, found.path if found else self.config.device})
        mine = mounts.of(every, found.number if found else None, names)
        held = found is not None and not mine and await block.asked(ports, block.is_held, found)
        return _Now(
            found=found,
            mine=mine,
            at_point=mounts.on_top(every, self.config.mount_point),
            held=held,
            parts=await block.asked(ports, block.holders, found) if found and held else (),
        )

    def _as_wanted(self, now: _Now) -> bool:
        """Tell whether it is mounted, and can be written to unless the options say ``ro``."""
        read_only = now.at_point is not None and "ro" in now.at_point.options
        return now.mounted and (not read_only or "ro" in self.config.mount_options.split(","))

    def _refuse_slips(self, now: _Now) -> None:
        if now.is_system:
            raise api.Misconfigured(
                f"{self.config.device} is the disk of this system: write another device"
            )
        if now.parts:
            raise api.Misconfigured(
                f"{self.config.device} is part of {', '.join(now.parts)}: write another device"
            )

    def _refuse_use(self, now: _Now) -> block.Block:
        """Give the device if it may be mounted here and now."""
        if now.found is None:
            raise api.Failed(missing(self.config.device))
        if now.mine:
            raise api.Failed(_elsewhere(self.config.device, now.mine[0].point))
        if now.at_point is not None:
            raise api.Failed(
                f"{self.config.mount_point} is taken: {now.at_point.source} is mounted there;"
                f" umount {self.config.mount_point}"
            )
        if now.held:
            raise api.Failed(
                f"{self.config.device} is in use on this server, in another mount namespace (a"
                " container) or by a program that has it for itself: end that"
            )
        return now.found

    async def _file_system(self, ports: api.Ports, found: block.Block) -> str:
        """Give the type of the file system, read from the device and not from the page cache."""
        await ports.run(["blockdev", "--flushbufs", found.path], timeout=_COMMAND)
        argv = ["blkid", "-p", "-o", "value", "-s", "TYPE", "--", found.path]
        done = await ports.run(argv, timeout=_COMMAND)
        kind, wanted = done.output.strip(), self.config.file_system
        if done.returncode or not kind:
            raise api.Failed(
                f"{self.config.device} has no file system (blkid returned {done.returncode} and"
                f' said "{kind}"). Nothing here ever makes one: on one server, once, and only if'
                f" the disk is empty, run mkfs.{wanted or 'ext4'} {self.config.device}"
            )
        if wanted not in {"", kind}:
            raise api.Misconfigured(
                f"{self.config.device} has {kind} (says blkid), and file_system is {wanted}:"
                " correct file_system, or the device"
            )
        return kind

    # -- mounting

    async def _mount(self, ports: api.Ports, kind: str) -> None:
        await ports.run(["mkdir", "-p", "--", self.config.mount_point], timeout=_COMMAND)
        said = ""
        for attempt in range(1 + self.config.mount_retry):
            if attempt == 1:
                await check.after_failure(self.config, ports, kind)
            said = await self._try_mount(ports, kind)
            if not said:
                return
        raise api.Failed(
            f"{self.config.device} cannot be mounted at {self.config.mount_point}: {said}"
        )

    async def _try_mount(self, ports: api.Ports, kind: str) -> str:
        """Mount once; give what went wrong, "" for nothing."""
        options = ["-o", self.config.mount_options] if self.config.mount_options else []
        argv = ["mount", "-t", kind, *options, "--", self.config.device, self.config.mount_point]
        try:
            done = await ports.run(argv, timeout=self.config.mount_timeout)
        except api.NotInstalled:
            raise
        except api.Failed as failed:
            said = str(failed)
        else:
            said = f"mount returned {done.returncode} and said {_one_line(done.output)}"
        # Also after an error: a mount that was killed at its timeout may have come through.
        return "" if (await self._look(ports)).mounted else said

    # -- unmounting

    async def _release(self, ports: api.Ports) -> str:
        """Unmount once; give what is in the way, "" for nothing."""
        try:
            now = await self._look(ports)
            self._refuse_slips(now)
        except api.Misconfigured as slip:
            ports.tell(f"nothing to unmount: {slip}")  # it was never mounted by us
            return ""
        at_point = [mount for mount in now.mine if mount.point == self.config.mount_point]
        if now.mine and not at_point:
            return _elsewhere(self.config.device, now.mine[0].point)
        if now.mine and not now.mounted and now.at_point:
            return f"{now.at_point.source} is mounted over it at {self.config.mount_point}"
        others = [mount for mount in now.mine if mount.point != self.config.mount_point]
        for mount in [*reversed(others), *reversed(at_point)]:
            if said := await self._try_umount(ports, mount.point):
                return said
        after = await self._look(ports)
        if after.mine or after.held:
            return f"{self.config.device} is unmounted but still in use on this server"
        return ""

    async def _try_umount(self, ports: api.Ports, point: str) -> str:
        try:
            done = await ports.run(["umount", "--", point], timeout=self.config.umount_timeout)
        except api.NotInstalled:
            raise
        except api.Failed as failed:
            return str(failed)
        if done.returncode:
            return f"umount returned {done.returncode} and said {_one_line(done.output)}"
        return ""

    async def _users(self, ports: api.Ports) -> tuple[users.User, ...]:
        now = await self._look(ports)
        return await block.asked(ports, users.find, now.numbers, bool(now.mine))

    async def _kill_users(self, ports: api.Ports) -> bool:
        """Kill who uses the disk, if that is wanted; tell whether there was anybody."""
        now = await self._look(ports)
        ours = now.mounted or not now.mine  # a disk mounted elsewhere is another one's business
        if self.config.umount_force is Force.NONE or not ours:
            return False
        found = await self._users(ports)
        for user in found:
            ports.tell(f"kills {user}: it uses {self.config.device}")
        await block.asked(ports, users.kill, found)
        return bool(found)

    async def _whose(self, ports: api.Ports) -> str:
        found = await self._users(ports)
        if not found:
            return (
                "no process has a file of it open: look for a mount below it, an NFS export, a"
                " loop device or a swap file"
            )
        return f"used by {', '.join(map(str, found[:5]))}: end them"


def _elsewhere(device: str, point: str) -> str:
    return (
        f"{device} is mounted at {point}, and not by this resource: umount {point}, and take it"
        " off /etc/fstab"
    )


def _one_line(output: str) -> str:
    return f'"{" ".join(output.split())[:300]}"'
