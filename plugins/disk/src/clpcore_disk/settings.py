"""What an operator says of a disk, and what is wrong with it."""

from __future__ import annotations

import enum
import posixpath
import shlex
from collections.abc import Iterable

import attrs

from clpcore import api


class DiskType(enum.Enum):
    """What is on the device; a logical volume with a file system is a disk, too."""

    DISK = "disk"
    RAW = "raw"


class Timing(enum.Enum):
    """When a file system is checked before it is mounted."""

    NOT = "not"
    ALWAYS = "always"
    COUNT = "count"


class Force(enum.Enum):
    """What is done about processes that keep a disk from being released."""

    KILL = "kill"
    NONE = "none"


@attrs.frozen(kw_only=True)
class Config:
    """``[group.GROUP.resource.NAME]`` of type ``disk``."""

    device: str = api.setting(
        "The device, by a path that is the same after every boot; /dev/sdX is not.",
        example='"/dev/disk/by-id/scsi-360022480a1b2"',
    )
    disk_type: DiskType = api.setting(
        "disk: a file system, which is mounted; raw: the application uses the device itself.",
        default=DiskType.DISK,
        example='"disk"',
    )
    mount_point: str = api.setting(
        "Where it is mounted; the folder is made when it is missing.",
        default="",
        example='"/mnt/data"',
    )
    file_system: str = api.setting(
        "The file system's type; empty: as blkid finds it.", default="", example='"ext4"'
    )
    mount_options: str = api.setting("Options of mount -o.", default="rw", example='"rw,noatime"')
    mount_timeout: int = api.setting(
        "How long one mount may take.", default=180_000, unit="ms", example="180", low=1
    )
    mount_retry: int = api.setting("Tries again after a failed mount.", default=3, low=0, high=999)
    fsck_options: str = api.setting("Options of fsck.", default="-y", example='"-y"')
    fsck_timeout: int = api.setting(
        "How long one check or repair may take; raise activate_timeout with it.",
        default=7_200_000,
        unit="ms",
        example="7200",
        low=1,
    )
    fsck_timing: Timing = api.setting(
        "Check before a mount: not, always, or count: at every n-th mount by this server.",
        default=Timing.COUNT,
        example='"not"',
    )
    fsck_interval: int = api.setting("The n of fsck_timing = count.", default=10, low=1, high=999)
    fsck_on_mount_failure: bool = api.setting(
        "Check after a failed mount, before the next try.", default=True, example="false"
    )
    xfs_repair_on_mount_failure: bool = api.setting(
        "The same for xfs, which fsck leaves alone: xfs_repair; it can lose the last writes.",
        default=False,
        example="true",
    )
    umount_timeout: int = api.setting(
        "How long one umount may take.", default=120_000, unit="ms", example="120", low=1
    )
    umount_retry: int = api.setting("Tries again after a failed umount.", default=3, low=0, high=99)
    umount_retry_interval: int = api.setting(
        "Between two tries of umount.", default=5_000, unit="ms", example="5", low=1
    )
    umount_force: Force = api.setting(
        "Processes that still use the disk after the first failed umount: kill them, or none.",
        default=Force.KILL,
        example='"none"',
    )


def validate(config: Config) -> Iterable[api.Problem]:
    """Find paths that cannot be."""
    if not config.device.startswith("/"):
        yield api.Problem(
            "device", f"{config.device} is no absolute path.", "Write it as /dev/disk/by-id/..."
        )
    if config.disk_type is DiskType.DISK:
        yield from _mount_point(config.mount_point)
    try:
        shlex.split(config.fsck_options)
    except ValueError as error:
        yield api.Problem("fsck_options", f"The options cannot be split: {error}.", "Close quotes.")


def _mount_point(point: str) -> Iterable[api.Problem]:
    if not point:
        yield api.Problem(
            "mount_point", "mount_point is missing.", 'Add mount_point = "/mnt/data".'
        )
    elif point == "/" or posixpath.normpath(point) != point or not point.startswith("/"):
        yield api.Problem(
            "mount_point",
            f"{point} is no place to mount a disk at.",
            "Write an absolute path, not /, without .. and without a slash at its end.",
        )
