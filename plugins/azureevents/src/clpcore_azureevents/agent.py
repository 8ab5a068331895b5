"""The agent of this server, through its control socket: JSON lines, one question a connection."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final

from clpcore_azureevents import cluster
from clpcore_azureevents.decide import Ask, Drain, ExpectFreeze, Undrain

_ANSWER: Final = 5.0  # seconds for what the agent knows
_WAIT_MS: Final = 1_000  # for the end of what was asked for; it goes on by itself
_PROGRAM: Final = "clp-azureevents"  # for the journal: it was no person who has drained the server
_LONGEST: Final = 64 << 20  # bytes of a line: the status of the largest cluster has a few MiB


class NoAgent(Exception):
    """The agent does not answer; the text says what came instead."""


class Refused(Exception):
    """The agent does not do it; the text is its reason."""


class Agent:
    """The agent of one server."""

    def __init__(self, path: Path) -> None:
        """Name its control socket."""
        self._path = path

    async def cluster(self) -> cluster.Cluster:
        """Give the cluster as it sees it.

        Raises:
            NoAgent: nothing usable came.

        """
        reply = await self._ask({"do": "status"}, _ANSWER)
        try:
            return cluster.cluster(reply.get("status") or {})
        except cluster.Unreadable as error:
            raise NoAgent(str(error)) from error

    async def ask(self, ask: Ask, me: str) -> None:
        """Ask for an operation; that it has begun is enough.

        Raises:
            NoAgent: nothing usable came.
            Refused: it is not done.

        """
        operation = _operation(ask, me)
        request = {"do": "ask", "op": operation, "wait": _WAIT_MS, "via": _PROGRAM}
        reply = await self._ask(request, _ANSWER + _WAIT_MS / 1_000)
        if not reply.get("ok") and not reply.get("pending"):
            reasons = [str(each.get("key")) for each in reply.get("because") or ()]
            raise Refused(str(reply.get("error") or ", ".join(reasons) or "no reason given"))

    async def _ask(self, request: dict[str, Any], deadline: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(deadline):
                line = await self._exchange(json.dumps(request).encode() + b"\n")
        except TimeoutError:
            raise NoAgent(
                f"the agent at {self._path} did not answer within {deadline:g} s"
            ) from None
        except (OSError, ValueError) as error:
            raise NoAgent(f"no agent answers at {self._path}: {error}") from error
        try:
            reply = json.loads(line)
        except ValueError as error:
            raise NoAgent(f"the agent at {self._path} ended the connection") from error
        if not isinstance(reply, dict):
            raise NoAgent(f"the agent at {self._path} answered no object")
        return reply

    async def _exchange(self, line: bytes) -> bytes:
        # A lab's root may be too long for the address of a socket: go through the folder.
        folder = os.open(self._path.parent, os.O_PATH)
        try:
            path = f"/proc/self/fd/{folder}/{self._path.name}"
            reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST)
        finally:
            os.close(folder)
        try:
            writer.write(line)
            return await reader.readline()
        finally:
            writer.close()


def _operation(ask: Ask, me: str) -> dict[str, object]:
    match ask:
        case Drain() | Undrain():
            return {"is": "ServerDrain", "server": me, "on": isinstance(ask, Drain)}
        case ExpectFreeze(seconds=seconds):
            return {"is": "ServerExpectFreeze", "server": me, "ms": seconds * 1_000}
        case _:
            raise ValueError(f"{ask} is nothing that an agent does")
