"""Processes beside the agent that the configuration asks for: kept running, never waited for.

A companion is a module of this tree. Its stdin is one end of a socket: it reads its brief from
there, then the end of it when the agent is gone; it writes JSON lines of what operators must know.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.runtime.troubles import Troubles

logger = logging.getLogger(__name__)

READY: Final = {"ready": True}
_AGAIN_FIRST, _AGAIN_MOST = 1.0, 60.0  # seconds
_LEAVE: Final = 1.0  # seconds from its last word to its end
_LEFT: Final = "CLP_LEFT_COMPANIONS"  # pids, for the agent that this process becomes
_REAPED: Final = 30.0  # seconds in which they have ended
_LONGEST: Final = 64 * 1024  # bytes of a line


@attrs.frozen
class Companion:
    """One process: *what* it is for people, the module it runs, its brief in one line."""

    what: str
    module: str
    brief: str


class Companions:
    """All of one agent."""

    def __init__(self, troubles: Troubles) -> None:
        """Tell *troubles* how they fare."""
        self._troubles = troubles
        self._tasks = [asyncio.create_task(_reap(os.environ.pop(_LEFT, "")))]

    def start(self, companion: Companion) -> None:
        """Keep it running from now on."""
        self._tasks.append(asyncio.create_task(self._keep(companion)))

    def close(self) -> None:
        """Let each of them end in its own time: it sees that we have gone."""
        for task in self._tasks:
            task.cancel()

    async def _keep(self, companion: Companion) -> None:
        again = _AGAIN_FIRST
        while True:
            begun = asyncio.get_running_loop().time()
            how = await self._run(companion)
            reason = messages.because("pm520", what=companion.what, how=how)
            self._troubles.begin(companion.what, reason)
            lived = asyncio.get_running_loop().time() - begun
            again = _AGAIN_FIRST if lived > _AGAIN_MOST else min(2 * again, _AGAIN_MOST)
            await asyncio.sleep(again)

    async def _run(self, companion: Companion) -> str:
        """Run it once; say how it ended."""
        ours, its = socket.socketpair()
        try:
            process = _start(companion.module, its)
        except OSError as error:
            ours.close()
            return error.strerror or str(error)
        finally:
            its.close()
        try:
            await self._converse(companion, ours)
        except OSError as error:
            logger.warning("%s cannot be heard: %s", companion.what, error)
        except (ValueError, KeyError, TypeError) as error:  # what it says is no word of ours
            logger.warning("%s said something that cannot be read: %r", companion.what, error)
            process.kill()
        except asyncio.CancelledError:
            _leave(process)
            raise
        return f"exit code {await asyncio.to_thread(_end, process)}"

    async def _converse(self, companion: Companion, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock, limit=_LONGEST)
        with contextlib.closing(writer):
            writer.write(companion.brief.encode() + b"\n")
            while line := await reader.readline():
                self._hear(companion, json.loads(line))

    def _hear(self, companion: Companion, said: Any) -> None:  # noqa: ANN401 - any JSON
        if not isinstance(said, dict):
            raise TypeError(f"{said!r:.80} is no word")
        if said == READY:
            over = messages.because("pm521", what=companion.what)
            self._troubles.end(companion.what, over)
        elif "begin" in said:
            self._troubles.begin(said["begin"], messages.from_plain(said["because"]))
        elif "end" in said:
            self._troubles.end(said["end"], messages.from_plain(said["because"]))
        elif "tell" in said:
            self._troubles.tell(messages.from_plain(said["tell"]))


def _start(module: str, stdin: socket.socket) -> subprocess.Popen[bytes]:
    # A session of its own: what stops the agent at a terminal must not stop it before the end.
    command = [sys.executable, "-m", module]
    return subprocess.Popen(command, stdin=stdin.fileno(), stdout=2, start_new_session=True)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Give the exit code of one that says nothing any more; it blocks."""
    try:
        return process.wait(_LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _leave(process: subprocess.Popen[bytes]) -> None:
    """Leave it to itself: it ends soon after us, or after what we become when we start again."""
    os.environ[_LEFT] = f"{os.environ.get(_LEFT, '')} {process.pid}".strip()
    process.returncode = 0  # no warning that it still runs


async def _reap(left: str) -> None:
    """Wait for the companions of the agent that this process was, so that no zombie stays."""
    pids = {int(pid) for pid in left.split() if pid.isdecimal()}
    until = asyncio.get_running_loop().time() + _REAPED
    while pids and asyncio.get_running_loop().time() < until:
        pids = {pid for pid in pids if _lives(pid)}
        await asyncio.sleep(1)


def _lives(pid: int) -> bool:
    """Tell whether a child has not ended; one that has is waited for."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False
