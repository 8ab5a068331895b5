"""Streams to operators: status documents when something has changed, and lines of the journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from clpcore.runtime import control, journal
from clpcore.runtime.control import Client
from clpcore.runtime.database import Line
from clpcore.runtime.desk import Desk

Status = dict[str, Any]
MakeStatus = Callable[[], Status]

_SLOWEST: Final = 0.1  # seconds between two documents


def _without_times(status: Status) -> str:
    """Give what a document says apart from how long ago things were."""
    servers = [{**each, "heard_ms_ago": None} for each in status.get("servers", ())]
    return json.dumps({**status, "now_ms": 0, "servers": servers}, sort_keys=True)


class Watchers:
    """Clients that get a status document whenever it says something new, ten a second at most."""

    def __init__(self, desk: Desk, present: Callable[[], MakeStatus]) -> None:
        """Take *present*: it gives a function that makes the document of this moment elsewhere."""
        self._desk = desk
        self._present = present
        self._clients: dict[Client, bool] = {}  # -> whether it still lacks the newest one
        self._changed = asyncio.Event()
        self._said = ""
        self._line = b""
        self._task: asyncio.Task[None] | None = None

    def changed(self) -> None:
        """Note that there may be news."""
        if self._clients:
            self._changed.set()

    async def watch(self, client: Client) -> None:
        """Send to *client* until it goes away."""
        self._clients[client] = True
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._send())
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            del self._clients[client]
            if not self._clients:
                self.close()

    def close(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _send(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            said, line = await self._desk.do(self._make, self._present())
            if said != self._said:
                self._said, self._line = said, line
                self._clients = dict.fromkeys(self._clients, True)
            for client, lacks in [*self._clients.items()]:
                # To one that is slow the newest goes when it has read the last one.
                if lacks and client.backlog == 0:
                    client.write(self._line)
                    self._clients[client] = False
            if any(self._clients.values()):
                self._changed.set()
            await asyncio.sleep(_SLOWEST)

    @staticmethod
    def _make(make: MakeStatus) -> tuple[str, bytes]:
        status = make()
        return _without_times(status), control.line({"ok": True, "status": status})


class Followers:
    """Clients that get each new line of the journal of the kinds they want."""

    def __init__(self, server: str) -> None:
        """Take the name of this server, which every line is shown with."""
        self._server = server
        self._clients: dict[Client, tuple[frozenset[str], list[Line] | None]] = {}

    def tell(self, lines: Iterable[Line]) -> None:
        """Send new lines on."""
        for client, (kinds, waiting) in self._clients.items():
            wanted = [line for line in lines if line.kind in kinds]
            if waiting is not None:
                waiting.extend(wanted)
            else:
                self._send(client, wanted)

    async def follow(
        self, client: Client, kinds: frozenset[str], past: Callable[[], Any], *, onward: bool
    ) -> None:
        """Send the past, and *onward* what comes, without a gap and without doubles."""
        waiting: list[Line] = []
        self._clients[client] = kinds, waiting
        try:
            lines = await past()
            last = lines[-1].seq if lines else 0
            self._send(client, lines)
            if not onward:
                return
            self._send(client, [line for line in waiting if line.seq > last])
            self._clients[client] = kinds, None
            await asyncio.get_running_loop().create_future()
        finally:
            del self._clients[client]

    def _send(self, client: Client, lines: Iterable[Line]) -> None:
        for line in lines:
            client.reply({"ok": True, "row": journal.shown(line, self._server)})
