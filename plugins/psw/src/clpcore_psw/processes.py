"""The command lines of this machine's processes, read from /proc without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator


def command_lines() -> tuple[str, ...]:
    """Give the command line of every living process, its arguments with a blank between them.

    Zombies and threads of the kernel have none.
    """
    return tuple(_command_lines())


def _command_lines() -> Iterator[str]:
    for pid in os.listdir("/proc"):  # noqa: PTH208 - hundreds, every few seconds
        if not pid.isdecimal():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - as above
                raw = file.read()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if line := raw.rstrip(b"\0"):
            yield line.replace(b"\0", b" ").decode(errors="replace")
