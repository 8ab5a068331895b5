"""Questions of operators that another server answers: they travel over the servers' sessions.

Only what is here can be asked: how a server sees the cluster, and to take a notice. A session
proves who is at its other end; how long and how large an answer may be is bounded all the same.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import itertools
import json
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

from clpcore import messages
from clpcore.model.config import ClusterConfig
from clpcore.model.questions import AnswerPart, AskStatus, TakeNotice
from clpcore.model.reasons import Because
from clpcore.runtime import clock
from clpcore.runtime.operators import notices
from clpcore.runtime.operators.control import Client, Document, Serve, parsed, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.operators.watching import MakeStatus
from clpcore.runtime.places import Root

Question = AskStatus | TakeNotice

VERSION: Final = importlib.metadata.version("clpcore")  # that runs: it may be upgraded below us
_PATIENCE: Final = 4.0  # seconds; `clp` itself waits for 5
_PIECE: Final = 128 * 1024  # characters
_MOST_PIECES: Final = 64
_AT_ONCE: Final = 4  # questions of others that are being answered; more have to ask again
_DEEPEST: Final = 16  # sentences within sentences
_REPLY: Final = {"error": str, "remedy": str, "status": dict, "version": str, "wall_ms": int}


class Channel(Protocol):
    """The agent, as this module sees it."""

    @property
    def connected(self) -> frozenset[str]:
        """Give the servers with a session."""
        ...

    @property
    def refusal(self) -> Document | None:
        """Give why nothing can be answered yet, if so."""
        ...

    def present(self) -> MakeStatus:
        """Give what makes the status document of this moment."""
        ...

    def send(self, to: str, word: Question | AnswerPart) -> None:
        """Send to a server of the configuration."""
        ...


@attrs.define
class _Awaited:
    """An answer on its way, by the numbers of its pieces."""

    done: asyncio.Future[str]
    count: int = 0
    pieces: dict[int, str] = attrs.field(factory=dict)


class Elsewhere:
    """Asks the other agents for the operators here, and answers what they ask for theirs."""

    def __init__(
        self, channel: Channel, config: ClusterConfig, server: str, root: Root, desk: Desk
    ) -> None:
        self._channel = channel
        self._config = config
        self._server = server
        self._root = root
        self._desk = desk
        self._numbers = itertools.count(1)
        self._start = os.urandom(8).hex()  # an answer to the agent before this one is none
        self._awaited: dict[tuple[str, str], _Awaited] = {}
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def status(self) -> Serve:
        """Give what serves ``status`` of another server."""
        return self._status

    @property
    def verbs(self) -> dict[str, Serve]:
        """Give what serves the verbs that are here or there."""
        return {"notice": self._notice}

    def close(self) -> None:
        """Answer nothing more."""
        for task in self._answering:
            task.cancel()

    # -- what operators here ask

    async def _status(self, request: dict[str, Any], client: Client) -> None:
        server = request.get("server")
        await self._reply(client, server, AskStatus)

    async def _notice(self, request: dict[str, Any], client: Client) -> None:
        given = {name: request.get(name, "") for name in ("monitor", "category", "keyword")}
        clear = request.get("clear", False)
        if not all(isinstance(each, str) for each in given.values()) or type(clear) is not bool:
            example = '{"do": "notice", "monitor": "mrw1", "category": "NIC", "clear": false}'
            client.reply(refusal("no such notice", example))
            return

        def question(number: str) -> TakeNotice:
            return TakeNotice(question=number, clear=clear, **given)

        await self._reply(client, request.get("server") or self._server, question)

    async def _reply(
        self, client: Client, server: object, question: Callable[[str], Question]
    ) -> None:
        asked = question(f"{self._server}-{self._start}-{next(self._numbers)}")
        if server == self._server:
            client.reply(await self._answer(asked))
        elif not isinstance(server, str) or server not in self._config.server_by_name:
            known = ", ".join(self._config.server_names)
            client.reply(refusal(f"there is no server {server!r:.80}", f"there are: {known}"))
        else:
            client.reply(await self._ask(server, asked))

    async def _ask(self, server: str, question: Question) -> Document:
        """Give the reply of *server*, or the refusal that says why there is none."""
        if server not in self._channel.connected:
            return _refused(messages.because("op5", server=server))
        key = server, question.question
        awaited = self._awaited[key] = _Awaited(asyncio.get_running_loop().create_future())
        self._channel.send(server, question)
        try:
            async with asyncio.timeout(_PATIENCE):
                text = await awaited.done
        except TimeoutError:
            return _refused(messages.because("op40", server=server, seconds=int(_PATIENCE)))
        finally:
            del self._awaited[key]
        return await self._desk.do(_read, text, server, question)

    # -- what other agents say

    def take(self, sender: str, word: Question | AnswerPart) -> None:
        """Answer a question, or take a piece of an answer."""
        if isinstance(word, AnswerPart):
            self._take_part(sender, word)
        elif len(self._answering) < _AT_ONCE:
            task = asyncio.create_task(self._answer_to(sender, word))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    def _take_part(self, sender: str, part: AnswerPart) -> None:
        awaited = self._awaited.get((sender, part.question))
        fits = 0 <= part.number < part.count <= _MOST_PIECES and len(part.text) <= _PIECE
        if awaited is None or awaited.done.done() or not fits:
            return
        if part.count != awaited.count:  # its first piece; or the whole is told anew
            awaited.count, awaited.pieces = part.count, {}
        awaited.pieces[part.number] = part.text
        if len(awaited.pieces) == awaited.count:
            awaited.done.set_result("".join(awaited.pieces[n] for n in range(awaited.count)))

    async def _answer_to(self, sender: str, question: Question) -> None:
        text = await self._desk.do(json.dumps, await self._answer(question))
        if len(text) > _PIECE * _MOST_PIECES:
            text = json.dumps(_refused(messages.because("op41", server=self._server)))
        pieces = [text[begin : begin + _PIECE] for begin in range(0, len(text), _PIECE)]
        for number, piece in enumerate(pieces):
            part = AnswerPart(
                question=question.question, number=number, count=len(pieces), text=piece
            )
            self._channel.send(sender, part)

    async def _answer(self, question: Question) -> Document:
        refused = self._channel.refusal
        if refused is not None:
            return refused
        if isinstance(question, TakeNotice):
            return await self._desk.do(notices.take, self._root, self._config, question)
        status = await self._desk.do(self._channel.present())
        return {"ok": True, "status": status, "version": VERSION, "wall_ms": clock.wall()}


def _refused(because: Because) -> Document:
    said = refusal(messages.render(because), messages.remedy(because))
    return {**said, "because": [messages.plain(because)]}


def _read(text: str, server: str, question: Question) -> Document:
    """Read what another agent replied to *question*; its status document is for who shows it."""
    reply = parsed(text)
    if reply is None or not _is_reply(reply, question):
        remedy = (
            f"restart its agent; if it goes on, {server} needs the version of clpcore that is here"
        )
        return refusal(f"{server} answered something that is no reply", remedy)
    return reply


def _is_reply(reply: Document, question: Question) -> bool:
    """Tell whether *reply* says how it went, and in the words that operators' programs read."""
    if any(name in reply and type(reply[name]) is not shape for name, shape in _REPLY.items()):
        return False
    because = reply.get("because", [])
    if not isinstance(because, list) or not all(map(_is_sentence, because)):
        return False
    if reply.get("ok") is True:
        return "status" in reply or not isinstance(question, AskStatus)
    return reply.get("ok") is False


def _is_sentence(because: object, deepest: int = _DEEPEST) -> bool:
    """Tell whether it is a key with arguments: texts, or sentences themselves."""
    if not isinstance(because, dict) or not isinstance(because.get("key"), str) or not deepest:
        return False
    args = because.get("args")
    return isinstance(args, dict) and all(
        isinstance(each, str) or _is_sentence(each, deepest - 1) for each in args.values()
    )
