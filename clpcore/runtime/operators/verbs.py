"""What can be asked over the control socket."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import attrs

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.picture import Picture
from clpcore.model.requests import Op
from clpcore.runtime.operators import accounts, filters
from clpcore.runtime.operators.control import Client, Document, Serve, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.operators.watching import Followers, MakeStatus, Watchers, status_line
from clpcore.runtime.store import journal
from clpcore.wire import values

_MOST_LINES: Final = 100_000
_LINES: Final = 30
_HISTORY: Final = 10  # sentences that "why" gives
_WRONG: Final = 3  # of the boot before
_SMALLER: Final = frozenset({"group", "resource", "monitor"})  # than a server
_PAST: Final = 300  # sentences among which it looks for them
_LONGEST_WAIT: Final = 3_600_000  # ms
_PROGRAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")  # that asks in its user's name
_SETTLE: Final = 0.2  # seconds that a reader waits for lines on their way to the disk


class Agent(Protocol):
    """What the verbs need of the agent."""

    @property
    def refusal(self) -> Document | None:
        """Give why nothing can be answered yet, if so."""
        ...

    @property
    def facts(self) -> Mapping[str, Callable[[], Document]]:
        """Give what makes the documents of the verbs that only tell."""
        ...

    def present(self) -> MakeStatus:
        """Give what makes the status document of this moment."""
        ...

    def picture(self) -> Callable[[], Picture]:
        """Give what makes the picture of this moment that forecasts begin with."""
        ...

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        """Let the core decide; give its answer, or the request's id if none came within *wait*."""
        ...

    async def settled(self) -> None:
        """Wait until every line of the journal written so far can be read."""
        ...


class Verbs:
    """Serves the requests of clients."""

    def __init__(
        self,
        agent: Agent,
        desk: Desk,
        store: Path,
        server: str,
        more: Mapping[str, Serve] = types.MappingProxyType({}),
        *,
        elsewhere: Mapping[str, Serve] = types.MappingProxyType({}),
    ) -> None:
        """Serve for *agent* on *server*; its journal is in *store*.

        *more*: verbs of others; *elsewhere*: those that another server's agent can answer.
        """
        self.watchers = Watchers(desk, agent.present)
        self.followers = Followers(desk, store, server)
        self._agent = agent
        self._desk = desk
        self._store = store
        self._server = server
        self._elsewhere = elsewhere
        self._verbs = {
            "status": self._status,
            "watch": self._watch,
            "why": self._why,
            "log": self._log,
            "ask": self._ask,
            "state": self._state,
            **more,
        }

    async def serve(self, request: dict[str, Any], client: Client) -> None:
        """Answer one request."""
        verb = request.get("do")
        facts = self._agent.facts
        if isinstance(verb, str) and verb in facts:
            client.reply({"ok": True, verb: facts[verb]()})
        elif not isinstance(verb, str) or verb not in self._verbs:
            known = ", ".join([*self._verbs, *facts])
            client.reply(refusal(f"unknown verb {verb!r:.80}", f"known are {known}"))
        elif (refused := self._agent.refusal) is not None:
            client.reply(refused)
        elif verb in self._elsewhere and request.get("server", self._server) != self._server:
            await self._elsewhere[verb](request, client)
        else:
            await self._verbs[verb](request, client)

    async def _status(self, _request: dict[str, Any], client: Client) -> None:
        make = self._agent.present()
        client.write(await self._desk.do(lambda: status_line(make())))

    async def _state(self, _request: dict[str, Any], client: Client) -> None:
        make = self._agent.picture()
        client.write(await self._desk.do(lambda: _picture_line(make())))

    async def _watch(self, _request: dict[str, Any], client: Client) -> None:
        client.streams = True
        await self.watchers.watch(client)

    async def _why(self, request: dict[str, Any], client: Client) -> None:
        about = request.get("about")
        if not isinstance(about, str):
            client.reply(refusal("why needs a name", '{"do": "why", "about": "failover1"}'))
            return
        await self._settle()
        try:
            lines = await self._desk.do(journal.lines_about, self._store, about, count=_PAST)
        except sqlite3.Error as error:
            client.reply(self._unreadable(error))
            return
        told = [journal.shown(line, self._server) for line in lines]
        rows = [row for row in told if not _told_elsewhere(row, about)]
        client.reply({"ok": True, "about": about, "because": _newest(rows)})

    async def _log(self, request: dict[str, Any], client: Client) -> None:
        count, onward = request.get("lines", _LINES), request.get("follow", False)
        if type(count) is not int or not 0 <= count <= _MOST_LINES:
            client.reply(refusal(f"lines must be 0 to {_MOST_LINES}, not {count!r:.80}"))
            return
        try:
            wanted = filters.read(request)
        except filters.BadFilter as bad:
            client.reply(refusal(bad.error, bad.remedy))
            return
        client.streams = bool(onward)
        await self._settle()
        try:
            await self.followers.follow(client, wanted, count, onward=bool(onward))
        except sqlite3.Error as error:
            client.reply(self._unreadable(error))
            return
        client.reply({"ok": True, "end": True})

    async def _ask(self, request: dict[str, Any], client: Client) -> None:
        wait = request.get("wait", 0)
        if type(wait) is not int or not 0 <= wait <= _LONGEST_WAIT:
            client.reply(refusal(f"wait must be 0 to {_LONGEST_WAIT} ms, not {wait!r:.80}"))
            return
        try:
            op = values.from_json(json.dumps(request.get("op")), Op)
            _refuse_more(request["op"], op)
        except values.Unreadable as unreadable:
            client.reply(refusal(f"no such operation: {unreadable}"))
            return
        via = request.get("via", "")
        if not isinstance(via, str) or not (_PROGRAM.fullmatch(via) or via == ""):
            client.reply(refusal(f"via must be the name of a program, not {via!r:.80}"))
            return
        user = await self._desk.do(accounts.user_name, client.uid)
        answer = await self._agent.ask(op, f"{user} ({via})" if via else user, wait)
        if isinstance(answer, Answer):
            because = [messages.plain(each) for each in answer.because]
            client.reply({"ok": answer.ok, "because": because, "request": answer.request})
        else:
            text = f"not ended within {wait} ms; it goes on"
            client.reply({**refusal(text), "pending": True, "because": [], "request": answer})

    async def _settle(self) -> None:
        """Let the newest lines arrive; a full disk must not hide the older ones."""
        await asyncio.wait([asyncio.ensure_future(self._agent.settled())], timeout=_SETTLE)

    def _unreadable(self, error: sqlite3.Error) -> Document:
        return refusal(f"the journal in {self._store} cannot be read: {error}", "check the disk")


def _refuse_more(asked: Mapping[str, object], op: Op) -> None:
    """Refuse keys that the operation does not have: it would be done, and they would not be heeded.

    Raises:
        Unreadable: there are some.

    """
    known = [field.name for field in attrs.fields(type(op))]
    if more := sorted(asked.keys() - {"is", *known}):
        has = ", ".join(known) or "none at all"
        raise values.Unreadable(f"{type(op).__name__} has no {', '.join(more)!r:.80}: it has {has}")


def _picture_line(picture: Picture) -> bytes:
    """Give the reply that carries a picture: it is plain JSON already."""
    return b'{"ok":true,"state":' + values.to_json(picture).encode() + b"}\n"


def _newest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the last sentences, and what went wrong in the boot before if they hide it.

    What a start says must not push out of sight why the machine had to start anew.
    """
    last, older = rows[-_HISTORY:], rows[:-_HISTORY]
    boot = last[-1]["boot"] if last else 0
    if any(row["boot"] != boot for row in last):
        return last
    before = [row for row in older if row["boot"] != boot]
    wrong = [r for r in before if r["severity"] != "info" and r["boot"] == before[-1]["boot"]]
    return [*wrong[-_WRONG:], *last]


def _told_elsewhere(row: Mapping[str, Any], about: str) -> bool:
    """Tell whether a sentence only says where something happened: *about* is that server.

    What a group or a monitor does there, and what operators ask for there, is no news of the server
    itself, unless it goes wrong.
    """
    args = row["args"]
    if args.get("server") != about or row["severity"] != "info":
        return False
    asked = f" {args.get('op', about)} "
    return f" {about} " not in asked or not args.keys().isdisjoint(_SMALLER)
