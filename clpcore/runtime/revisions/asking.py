"""Asks other servers again and again, until each has answered or is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from clpcore.model.revisions import Committed, Dispatch, Noted, Prepared
from clpcore.runtime.revisions.around import Around, Here

_ASK_AGAIN: Final = 1.0  # seconds; an agent that died over it has started again by then

Reply = Prepared | Noted | Committed
_Reply = TypeVar("_Reply", Prepared, Noted, Committed)


class Asker:
    """Asks one thing at a time."""

    def __init__(self, here: Here, around: Around) -> None:
        self._here = here
        self._around = around
        self._apply = ""
        self._awaited: dict[tuple[str, type[Dispatch]], asyncio.Future[Any]] = {}

    def take(self, sender: str, reply: Reply) -> None:
        """Take a reply to what is asked now."""
        awaited = self._awaited.get((sender, type(reply)))
        if awaited is not None and reply.apply == self._apply and not awaited.done():
            awaited.set_result(reply)

    def gone(self, servers: Iterable[str]) -> list[str]:
        """Give those that cannot be asked now."""
        status = self._around.status()
        # The session with a machine that lost its power stands for a while.
        return [
            name
            for name in servers
            if name not in self._around.connected or silent(status, name, self._here.lately)
        ]

    def dead(self, servers: Iterable[str]) -> list[str]:
        """Give those that everybody takes for silent."""
        status = self._around.status()
        return [name for name in servers if silent(status, name, self._here.timeout)]

    async def ask(
        self,
        apply: str,
        servers: Iterable[str],
        word: Dispatch,
        kind: type[_Reply],
        within: float,
        *,
        given_up: Callable[[Iterable[str]], list[str]] | None = None,
    ) -> dict[str, _Reply]:
        """Give the replies that came within so many seconds, by server.

        Who says nothing is asked again; who is *given_up*, by default who is gone, is not waited
        for.
        """
        loop, lost = asyncio.get_running_loop(), given_up or self.gone
        awaited = {name: loop.create_future() for name in servers}
        self._apply = apply
        self._awaited = {(name, kind): future for name, future in awaited.items()}
        deadline = loop.time() + within
        waiting = set(awaited.values())
        while waiting and (left := deadline - loop.time()) > 0:
            for name, future in awaited.items():
                if not future.done():
                    self._around.send(name, word)
            await asyncio.wait(waiting, timeout=min(_ASK_AGAIN, left))
            mute = {name for name, future in awaited.items() if not future.done()}
            waiting = {awaited[name] for name in mute.difference(lost(mute))}
        self._awaited = {}
        return {name: future.result() for name, future in awaited.items() if future.done()}


def silent(status: Mapping[str, Any], server: str, longer: int) -> bool:
    """Tell whether *server* was not heard for *longer* ms, or never."""
    heard = {each["name"]: each["heard_ms_ago"] for each in status["servers"]}.get(server)
    return heard is None or heard > longer
