"""Streams to operators: status documents when something has changed, and lines of the journal."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from clpcore.runtime.operators import control
from clpcore.runtime.operators.control import Client
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.store import journal
from clpcore.runtime.store.database import Line
from clpcore.runtime.store.wanted import Wanted

logger = logging.getLogger(__name__)

Status = dict[str, Any]
MakeStatus = Callable[[], Status]

_SLOWEST: Final = 0.1  # seconds between two documents
_MOST_WAITING: Final = 10_000  # new lines while a client still reads the past


def _without_times(status: Status) -> str:
    """Give what a document says apart from how long ago things were."""
    servers = [{**each, "heard_ms_ago": None} for each in status.get("servers", ())]
    arbiter = status.get("arbiter")
    if arbiter is not None:
        arbiter = {**arbiter, "lease_left_ms": None, "stops_in_ms": None}
    said = {**status, "now_ms": 0, "servers": servers, "arbiter": arbiter}
    return json.dumps(said, sort_keys=True)


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
            if not any(self._clients.values()):
                await self._changed.wait()
            if self._changed.is_set():
                self._changed.clear()
                await self._look()
            self._hand_out()
            await asyncio.sleep(_SLOWEST)

    async def _look(self) -> None:
        try:
            said, line = await self._desk.do(_make, self._present())
        except Exception:
            logger.exception("there is no status document of this moment")
            return
        if said != self._said:
            self._said, self._line = said, line
            self._clients = dict.fromkeys(self._clients, True)

    def _hand_out(self) -> None:
        """Give the newest document to those who have read the one before."""
        for client, lacks in [*self._clients.items()]:
            if lacks and client.backlog == 0:
                client.write(self._line)
                self._clients[client] = False


def _make(make: MakeStatus) -> tuple[str, bytes]:
    status = make()
    return _without_times(status), status_line(status)


def status_line(status: Status) -> bytes:
    """Give the reply that carries a status document."""
    return control.line({"ok": True, "status": status})


class Followers:
    """Clients that get the lines of the journal that they want: past ones, and what comes."""

    def __init__(self, desk: Desk, store: Path, server: str) -> None:
        """Read the past from *store*; every line is shown with the name of this server."""
        self._desk = desk
        self._store = store
        self._server = server
        self._clients: dict[Client, tuple[Wanted, list[Line] | None]] = {}

    def tell(self, lines: Sequence[Line]) -> None:
        """Send new lines on."""
        for client, (wanted, waiting) in [*self._clients.items()]:
            taken = [line for line in lines if wanted.takes(line)]
            if waiting is None:
                client.write(self._shown(taken))
            else:
                waiting.extend(taken)
                if len(waiting) > _MOST_WAITING:
                    logger.warning("a client reads the journal too slowly to follow; it is let go")
                    client.abort()

    async def follow(self, client: Client, wanted: Wanted, count: int, *, onward: bool) -> None:
        """Send the last *count* lines, and *onward* what comes, without a gap or a double.

        Raises:
            sqlite3.Error: the journal cannot be read.

        """
        waiting: list[Line] = []
        self._clients[client] = wanted, waiting
        try:
            last = await self._send_past(client, wanted, count)
            if onward:
                client.write(self._shown([line for line in waiting if line.seq > last]))
                self._clients[client] = wanted, None
                await asyncio.get_running_loop().create_future()
        finally:
            del self._clients[client]

    async def _send_past(self, client: Client, wanted: Wanted, count: int) -> int:
        """Send page by page what is stored; give the number of the last line."""
        last = await self._desk.do(journal.before_last, self._store, count=count, wanted=wanted)
        while True:
            lines = await self._desk.do(journal.page, self._store, after=last, wanted=wanted)
            if not lines:
                return last
            client.write(await self._desk.do(self._shown, lines))
            await client.drained()
            last = lines[-1].seq

    def _shown(self, lines: Iterable[Line]) -> bytes:
        rows = (journal.shown(line, self._server) for line in lines)
        return b"".join(control.line({"ok": True, "row": row}) for row in rows)
