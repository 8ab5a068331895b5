"""The end of all that runs for a group, at once and without asking anybody."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore import api
from clpcore.runtime import clock, files
from clpcore.runtime.driving import kept, launched, processes
from clpcore.runtime.driving.launched import Launched, Unproven
from clpcore.runtime.driving.processes import Stat

logger = logging.getLogger(__name__)

_LIMIT: Final = 1_000  # ms for the kernel to take them apart
_LOOK: Final = 0.01  # seconds between two looks


def kill(run: Path, group: str) -> list[int]:
    """SIGKILL what is kept for *group*, the commands of its calls, and what they left running.

    Blocks for a second at most. A program that has left its session is known by the group in its
    environment; one that was started by another service (systemd) is not ours to see.

    Args:
        run: the server's volatile folder.
        group: its name.

    Returns:
        The numbers of those that are still there.

    """
    deadline = clock.now() + _LIMIT
    while members := _members(run, group):  # again and again: one may fork while we look
        launched.send(members, signal.SIGKILL)
        if clock.now() >= deadline:
            return [member.pid for member in members]
        time.sleep(_LOOK)
    return []


def _members(run: Path, group: str) -> list[Stat]:
    seen = [one for one in processes.every() if not one.gone]
    found = {one.pid: one for one in seen if _is_of(one.pid, group)}
    for leader in _leaders(run, group):
        try:
            found |= {one.pid: one for one in leader.members(seen)}
        except Unproven as unproven:
            logger.error("group %s: %s; it is not killed", group, unproven)  # noqa: TRY400 - no error of ours
    return list(found.values())


def _is_of(pid: int, group: str) -> bool:
    return f"{launched.GROUP}={group}".encode() in launched.environment(pid)


def _leaders(run: Path, group: str) -> Iterator[Launched]:
    """Give whoever was put on record, as kept or as the command of a call."""
    for folder in sorted((run / "kept" / group).glob("*")):
        yield from kept.recorded(folder)
    for file in sorted((run / "commands" / group).glob("*/*/*")):
        with contextlib.suppress(ValueError, KeyError, TypeError, api.Failed):
            if file.name.isdecimal():
                yield Launched.parse(files.read(file) or "")
