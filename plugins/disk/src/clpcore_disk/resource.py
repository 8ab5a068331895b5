"""``disk``: a disk that several servers see, used by the one where the group is active."""

from __future__ import annotations

from typing import Final

from clpcore import api
from clpcore_disk.filesystem import Disk
from clpcore_disk.raw import Raw
from clpcore_disk.settings import Config, DiskType, validate

_SLACK: Final = 180_000  # ms that the core waits longer than all that the driver may do
_DEFAULT: Final = Config(device="/")


def _make(config: Config) -> api.ResourceDriver:
    return Raw(config) if config.disk_type is DiskType.RAW else Disk(config)


def _activation(config: Config) -> int:
    """Give the longest activation: a check, every try, and a check between two of them."""
    return 2 * config.fsck_timeout + (1 + config.mount_retry) * config.mount_timeout + _SLACK


def _deactivation(config: Config) -> int:
    tries = 1 + config.umount_retry
    return tries * (config.umount_timeout + config.umount_retry_interval) + _SLACK


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="disk",
    api=api.ApiVersion(0, 1),
    summary="Mounts a shared disk where the group is active, and nowhere else.",
    config=Config,
    make=_make,
    validate=validate,
    defaults={
        "activate_timeout": _activation(_DEFAULT),
        "deactivate_timeout": _deactivation(_DEFAULT),
    },
    pairs_with=("diskw",),
    needs=("blkid", "blockdev", "fsck", "mount", "umount"),
)
