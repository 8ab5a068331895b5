"""A disk with a file system: checked, mounted, unmounted, and never in use in two places."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import api
from clpcore_disk import block, check, note, users
from clpcore_disk.block import Block
from clpcore_disk.looking import Now, look
from clpcore_disk.raw import missing
from clpcore_disk.settings import Config, Force

_AFTER_KILL: Final = 200  # ms until killed processes have let go
_COMMAND: Final = 60_000  # ms for commands that only look


@attrs.frozen
class Disk:
    """Mounts the device at its mount point."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell the presence; a disk in use elsewhere on this server is BROKEN, not INACTIVE.

        Raises:
            Misconfigured: it is the disk of the system, part of a volume, or no device.
            Failed: nobody knows whether what is mounted at the mount point is our disk.

        """
        now = await look(self.config, ports)
        now.refuse_slips()
        if now.mounted:
            ready = now.leads_here and self._as_wanted(now)
            return api.Presence.ACTIVE if ready else api.Presence.BROKEN
        if now.unsure:
            raise api.Failed(now.unsure)
        return api.Presence.BROKEN if now.mine or now.held else api.Presence.INACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Check the file system when its time has come, and mount it."""
        now = await look(self.config, ports)
        now.refuse_slips()
        found = self._refuse_use(now)
        note.write(ports, found)
        if not now.mounted:
            kind = await self._file_system(ports, found)
            await check.before_mount(self.config, ports, kind)
            await self._mount(ports, kind)
            now = await look(self.config, ports)
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
            Failed: it is still in use, by whom; or nobody knows whether it is.

        """
        said = ""
        for tries_left in range(self.config.umount_retry, -1, -1):
            said = await self._release(ports)
            if not said:
                note.remove(ports)
                return
            killed = await self._kill_users(ports)
            if tries_left:
                await ports.sleep(_AFTER_KILL if killed else self.config.umount_retry_interval)
        raise api.Failed(f"{said}{await self._whose(ports)}")

    def _as_wanted(self, now: Now) -> bool:
        """Tell whether it is mounted, and can be written to unless the options say ``ro``."""
        read_only = now.mounted and "ro" in now.there[-1].options
        return now.mounted and (not read_only or "ro" in self.config.mount_options.split(","))

    def _refuse_use(self, now: Now) -> Block:
        """Give the device if it may be mounted, or stay mounted, here and now."""
        device, point = self.config.device, self.config.mount_point
        if now.mine and not now.leads_here:
            raise api.Failed(
                f"{now.mine[0].source}, which this resource has mounted, is still at"
                f" {now.mine[0].point}, and {device} leads elsewhere now: mend the link, or stop"
                " the group"
            )
        if now.named is None:
            raise api.Failed(now.unsure or missing(device))
        if now.mounted:
            return now.named
        if now.mine:
            raise api.Failed(_elsewhere(now))
        if now.there:
            taken = now.there[-1].source
            raise api.Failed(f"{point} is taken: {taken} is mounted there; umount {point}")
        if now.held:
            raise api.Failed(
                f"{now.name} is in use on this server, in another mount namespace (a container) or"
                " by a program that has it for itself: end that"
            )
        return now.named

    async def _file_system(self, ports: api.Ports, found: Block) -> str:
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
        return "" if (await look(self.config, ports)).mounted else said

    # -- unmounting

    async def _release(self, ports: api.Ports) -> str:
        """Unmount once; give what is in the way, "" for nothing."""
        now = await look(self.config, ports)
        try:
            now.refuse_slips()
        except api.Misconfigured as slip:
            ports.tell(f"nothing to unmount: {slip}")  # it was never mounted by us
            return ""
        at_point = [mount for mount in now.there if mount in now.mine]
        if now.mine and not at_point:
            return _elsewhere(now)
        if now.mine and not now.mounted:
            return f"{now.there[-1].source} is mounted over it at {self.config.mount_point}"
        others = [mount for mount in now.mine if mount not in at_point]
        for mount in [*reversed(others), *reversed(at_point)]:
            if said := await self._try_umount(ports, mount.point):
                return said
        return _left(await look(self.config, ports))

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

    async def _kill_users(self, ports: api.Ports) -> bool:
        """Kill who uses the disk, if that is wanted; tell whether there was anybody.

        Not those who have it mounted elsewhere without us: that is another one's business.
        """
        now = await look(self.config, ports)
        ours = now.mounted or (now.held and now.by_us)
        if self.config.umount_force is Force.NONE or not ours:
            return False
        found = await _users(now, ports)
        for user in found:
            ports.tell(f"kills {user}: it uses {now.name}")
        await block.asked(ports, users.kill, found)
        return bool(found)

    async def _whose(self, ports: api.Ports) -> str:
        """Say who uses it, as the end of a sentence."""
        now = await look(self.config, ports)
        if not now.mine and not now.held:
            return ""
        found = await _users(now, ports)
        if not found:
            return (
                "; no process has a file of it open: look for a mount below it, an NFS export, a"
                " loop device or a swap file"
            )
        return f"; used by {', '.join(map(str, found[:5]))}: end them"


async def _users(now: Now, ports: api.Ports) -> tuple[users.User, ...]:
    return await block.asked(ports, users.find, now.numbers, bool(now.mine))


def _left(now: Now) -> str:
    """Say what is left after everything was unmounted, "" for nothing."""
    if now.mine and not any(mount in now.mine for mount in now.there):
        return _elsewhere(now)
    if now.mine or now.held:
        return f"{now.name} is unmounted but still in use on this server"
    return now.unsure


def _elsewhere(now: Now) -> str:
    point = now.mine[0].point
    return (
        f"{now.name} is mounted at {point}, and not by this resource: umount {point}, and take it"
        " off /etc/fstab"
    )


def _one_line(output: str) -> str:
    return f'"{" ".join(output.split())[:300]}"'
