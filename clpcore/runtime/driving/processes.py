"""Processes as /proc shows them, told apart by start time, waited for and ended by pidfd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from clpcore.runtime import clock

_GONE: Final = frozenset({"Z", "X"})  # a zombie holds nothing any more
_KILL_WAIT: Final = 1_000  # ms for the kernel to take a process apart
_LOOK: Final = 100  # ms between two looks for new members of a session


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


def is_alive(pid: int, started: int) -> bool:
    """Tell whether that very process lives, not a later one with its number."""
    found = stat(pid)
    return found is not None and found.started == started and not found.gone


def in_session(leader: int, started: int) -> list[Stat]:
    """Give the living members of the session that the process (leader, started) opened.

    A session keeps its number from being used again while it has members, so a leader with another
    start time means that our session is long gone.
    """
    first = stat(leader)
    if first is not None and first.started != started:
        return []
    found = map(stat, pids())
    return [
        one
        for one in found
        if one and one.session == leader and one.started >= started and not one.gone
    ]


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


async def end_session(leader: int, started: int, *, grace: int) -> bool:
    """End a session: TERM to all its members, after *grace* ms KILL. Tell whether it is gone."""
    members = in_session(leader, started)
    if grace > 0:
        _signal(members, signal.SIGTERM)
        deadline = clock.now() + grace
        while members and (left := deadline - clock.now()) > 0:
            await _ends(members, min(left, _LOOK))
            members = in_session(leader, started)
    deadline = clock.now() + _KILL_WAIT
    while members and clock.now() < deadline:  # again and again: one may fork while we look
        _signal(members, signal.SIGKILL)
        await _ends(members, _LOOK)
        members = in_session(leader, started)
    return not members


async def _ends(members: Iterable[Stat], ms: int) -> None:
    """Wait until all of them have ended, *ms* at most: others may have joined their session."""
    with _pidfds(members) as fds:
        waits = [asyncio.ensure_future(readable(fd)) for fd in fds]
        try:
            if waits:
                await asyncio.wait(waits, timeout=ms / 1_000)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


@contextlib.contextmanager
def _pidfds(members: Iterable[Stat]) -> Iterator[list[int]]:
    """Open pidfds of those that still are who they were."""
    fds: list[int] = []
    try:
        for member in members:
            with contextlib.suppress(ProcessLookupError):
                fds.append(os.pidfd_open(member.pid))
                if not is_alive(member.pid, member.started):
                    os.close(fds.pop())
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _signal(members: Iterable[Stat], number: signal.Signals) -> None:
    with _pidfds(members) as fds:
        for fd in fds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
