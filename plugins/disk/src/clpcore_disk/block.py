"""A block device of this machine: is it there, and does anybody hold it.

These functions block as long as the device does; drivers call them through ``asked``.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs

from clpcore import api

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Block:
    """A device that is there; *path* is its real one, *number* its ``major:minor``."""

    path: str
    number: str


async def asked(ports: api.Ports, function: Callable[..., _T], *args: object) -> _T:
    """Call a function that looks at the machine; what the kernel refuses is told as ``Failed``."""
    try:
        return await ports.outside(function, *args)
    except OSError as error:
        raise api.Failed(
            f"{error}: nobody knows whether the disk is in use; look at it with lsblk and dmesg"
        ) from error


def look(path: str) -> Block | None:
    """Give the device at *path*, None if there is none.

    Raises:
        Misconfigured: the path is of something else.

    """
    real = Path(os.path.realpath(path))
    try:
        found = real.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISBLK(found.st_mode):
        raise api.Misconfigured(
            f"{path} is no block device; write the path of a partition or a volume, best one that"
            " stays the same: /dev/disk/by-id/..."
        )
    number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return Block(path=str(real), number=number)


def is_held(found: Block) -> bool:
    """Tell whether the kernel gives the device to nobody else.

    It is mounted in some mount namespace, or part of a volume, of an array or of the swap space.

    Raises:
        Failed: it cannot be opened.

    """
    try:
        os.close(os.open(found.path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return True
        raise api.Failed(
            f"{found.path} cannot be opened: {error.strerror}; look at the disk and its connection"
        ) from error
    return False


def holders(found: Block) -> tuple[str, ...]:
    """Give the volumes and arrays that a device is part of: ``dm-0``, ``md0``; or ``swap``."""
    folder = Path(f"/sys/dev/block/{found.number}/holders")
    above = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    swaps = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    return (*above, *("swap" for line in swaps if line.split()[0] == found.path))
