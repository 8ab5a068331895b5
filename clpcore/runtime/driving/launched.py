"""What was started here: who of its session certainly is its own, and the end of them.

A number alone is no identity: it is given away again. So all that is started carries a mark in its
environment, which its children inherit, and nobody is killed on the word of a number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from clpcore.runtime import clock
from clpcore.runtime.driving import processes
from clpcore.runtime.driving.processes import Stat

MARK: Final = "CLP_LAUNCH"  # the variable in the environment
GROUP: Final = "CLP_LAUNCH_GROUP"  # beside it: the group that it is started for, if any

_KILL_WAIT: Final = 1_000  # ms for the kernel to take a process apart
_LOOK: Final = 100  # ms between two looks for new members of a session


class Unproven(Exception):
    """Processes live in the session, and nothing proves that it still is the one meant."""


def new_mark() -> str:
    """Give a mark that nobody can guess; it names the boot, too."""
    return f"{clock.boot_id()}.{os.urandom(16).hex()}"


@attrs.frozen
class Launched:
    """A process that was started as the leader of a session of its own, alive or not.

    *started* in ticks since the machine's boot. A pid below 2 is refused: these are never ours.
    """

    pid: int = attrs.field(validator=attrs.validators.ge(2))
    started: int
    mark: str

    @classmethod
    def parse(cls, text: str) -> Launched:
        """Read what ``text`` gave; ValueError, KeyError or TypeError if it is something else."""
        body = json.loads(text)
        return cls(int(body["pid"]), int(body["started"]), str(body["mark"]))

    @property
    def text(self) -> str:
        """Give it for a file."""
        return json.dumps(attrs.asdict(self))

    @property
    def alive(self) -> bool:
        """Tell whether that very process lives, not a later one with its number."""
        return self._of_this_boot and processes.is_alive(self.pid, self.started)

    @property
    def _of_this_boot(self) -> bool:
        return self.mark.startswith(f"{clock.boot_id()}.")

    def members(self, among: Iterable[Stat] | None = None) -> list[Stat]:
        """Give the living members of its session, *among* all processes or those just seen.

        The leader, as long as it can be seen, proves the session. Afterwards one marked member
        does: the kernel keeps a session's number from being used again while it has members, and
        nobody joins a session but by being born in it. A program may have overwritten its
        environment, to show a title or to hide it, so that not every member has to carry the mark.

        Raises:
            Unproven: somebody lives there, and neither leader nor mark tells whose session it is.

        """
        leader = processes.stat(self.pid)
        if not self._of_this_boot or (leader is not None and leader.started != self.started):
            return []  # the number was given away, so that nobody of ours was left
        found = [
            one
            for one in (processes.every() if among is None else among)
            if one.session == self.pid and one.started >= self.started and not one.gone
        ]
        if leader is None and found and not any(self._marks(one.pid) for one in found):
            pids = " ".join(str(one.pid) for one in found)
            raise Unproven(
                f"process {self.pid} has ended, and what lives in a session of that number"
                f" (pid {pids}) does not carry the mark of what was started here"
            )
        return found

    def _marks(self, pid: int) -> bool:
        return f"{MARK}={self.mark}".encode() in environment(pid)

    async def end(self, *, grace: int) -> bool:
        """End the session: TERM to all its members, after *grace* ms KILL. Tell whether it is gone.

        Raises:
            Unproven: nobody knows whose session it is; nobody was killed for that.

        """
        members = self.members()
        if grace > 0:
            send(members, signal.SIGTERM)
            deadline = clock.now() + grace
            while members and (left := deadline - clock.now()) > 0:
                await _ends(members, min(left, _LOOK))
                members = self.members()
        deadline = clock.now() + _KILL_WAIT
        while members and clock.now() < deadline:  # again and again: one may fork while we look
            send(members, signal.SIGKILL)
            await _ends(members, _LOOK)
            members = self.members()
        return not members


def environment(pid: int) -> list[bytes]:
    """Give the environment of a process as it shows it; none if it has ended, or is not ours."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return []


async def _ends(members: Iterable[Stat], ms: int) -> None:
    """Wait until all of them have ended, *ms* at most: others may have joined their session."""
    with _pidfds(members) as fds:
        waits = [asyncio.ensure_future(processes.readable(fd)) for fd in fds]
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
                if not processes.is_alive(member.pid, member.started):
                    os.close(fds.pop())
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def send(members: Iterable[Stat], number: signal.Signals) -> None:
    """Send a signal to those that still are who they were."""
    with _pidfds(members) as fds:
        for fd in fds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
