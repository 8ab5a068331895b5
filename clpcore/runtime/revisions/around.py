"""What the life of revisions needs of the agent around it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

import attrs

from clpcore.model.actions import Answer
from clpcore.model.reasons import Because
from clpcore.model.requests import Op
from clpcore.model.revisions import Dispatch, Finding
from clpcore.runtime.places import Root
from clpcore.runtime.troubles import Troubles


class Around(Protocol):
    """The agent, as these rooms see it."""

    @property
    def connected(self) -> frozenset[str]:
        """Give the servers with a session."""
        ...

    @property
    def cohorts(self) -> Mapping[str, tuple[str, ...]]:
        """Give, by group, the servers without whose word nobody may take it."""
        ...

    def send(self, to: str, dispatch: Dispatch) -> None:
        """Send to a server of the configuration."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Give the status document of this moment."""
        ...

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        """Let the core decide on an operation; the text is a request that has not ended."""
        ...

    def again(self) -> None:
        """Start again in place; what resources keep running goes on."""
        ...


@attrs.frozen(kw_only=True)
class Here:
    """This server.

    *lately*: the ms within which a server that is there was heard; *timeout*: those after which
    everybody takes it for silent.
    """

    root: Root
    server: str
    others: tuple[str, ...]
    lately: int
    timeout: int
    troubles: Troubles


class Refused(Exception):
    """Something is not done; *by_server* has what others said: a sentence and what they found."""

    def __init__(
        self,
        because: Because,
        by_server: Mapping[str, tuple[Because | None, Sequence[Finding]]] | None = None,
    ) -> None:
        super().__init__(because.key)
        self.because = because
        self.by_server = dict(by_server or {})


def told(error: OSError) -> str:
    """Give the words for a file that cannot be read or written."""
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


class Tasks:
    """What goes on beside the loop's callbacks, until ``close``."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin; an error ends up in the loop's log."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def close(self) -> None:
        """Wait for nothing any more."""
        for task in self._running:
            task.cancel()
