"""The kernel's table of mounts: what is mounted where, in the mount namespace of the service."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Final

import attrs

from clpcore import api

_TABLE: Final = "/proc/self/mountinfo"
_OCTAL: Final = re.compile(r"\\([0-7]{3})")  # how the kernel writes blanks and the like


@attrs.frozen(kw_only=True)
class Mount:
    """One mount; *number* is the device's ``major:minor``, *options* are of mount and file system.

    A btrfs shows a number of its own, so a device is known by its *source*, too.
    """

    number: str
    point: str
    type: str
    source: str
    options: frozenset[str]

    @property
    def has_device(self) -> bool:
        """Tell whether a device may be behind it: it is no tmpfs, no share of a file server."""
        return not self.number.startswith("0:") or self.source.startswith("/dev/")


def table(ports: api.Ports) -> tuple[Mount, ...]:
    """Give all mounts; a later one lies on top of an earlier one at the same point.

    Raises:
        Failed: the table cannot be read.

    """
    text = ports.read(_TABLE) or ""
    try:
        every = tuple(_mount(line) for line in text.splitlines())
    except ValueError as error:
        raise api.Failed(f"{_TABLE} has a line that nobody understands: {error}") from error
    if on_top(every, "/") is None:
        raise api.Failed(f"{_TABLE} does not say what is mounted; is /proc mounted?")
    return every


def _mount(line: str) -> Mount:
    of_mount, _, of_system = line.partition(" - ")
    _, _, number, _, point, options, *_ = of_mount.split(" ")
    kind, source, more = of_system.split(" ")[:3]
    return Mount(
        number=number,
        point=_plain(point),
        type=kind,
        source=_plain(source),
        options=frozenset(options.split(",") + more.split(",")),
    )


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), text)


def of(mounts: tuple[Mount, ...], number: str | None, names: AbstractSet[str]) -> tuple[Mount, ...]:
    """Give the mounts of a device, by its number if it has one, and by its names."""
    return tuple(m for m in mounts if m.number == number or m.source in names)


def on_top(mounts: tuple[Mount, ...], point: str) -> Mount | None:
    """Give what is seen at *point*: the last of what is mounted there."""
    return next((mount for mount in reversed(mounts) if mount.point == point), None)
