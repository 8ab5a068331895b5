"""Processes as /proc shows them, told apart by start time and waited for by pidfd."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import attrs

_GONE: Final = frozenset({"Z", "X"})  # a zombie holds nothing any more


@attrs.frozen
class Stat:
    """What the kernel says of one process; *started* in ticks since the machine's boot."""

    pid: int
    state: str
    parent: int
    session: int
    started: int
    threads: int

    @property
    def gone(self) -> bool:
        """Tell whether it has ended, all threads of it, and only waits to be noticed."""
        return self.state in _GONE and self.threads <= 1


def stat(pid: int) -> Stat | None:
    """Give what is known of a process, or None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read by the hundred
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name before it may hold anything
    return Stat(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]),
        threads=int(fields[17]),
    )


def pids() -> list[int]:
    """Give the number of every process that there is."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208


def every() -> list[Stat]:
    """Give every process that there is."""
    return [found for found in map(stat, pids()) if found]


def is_alive(pid: int, started: int) -> bool:
    """Tell whether that very process lives, not a later one with its number."""
    found = stat(pid)
    return found is not None and found.started == started and not found.gone


async def readable(fd: int) -> None:
    """Wait until the descriptor can be read; for a pidfd: until its process has ended."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


async def end_of(pid: int) -> None:
    """Wait until a child of this process has ended; it must not be waited for elsewhere."""
    pidfd = os.pidfd_open(pid)
    try:
        await readable(pidfd)
    finally:
        os.close(pidfd)


def reap(child: int) -> int | None:
    """Give the exit code of a child that has ended, minus the signal's number; None: it has not."""
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None
