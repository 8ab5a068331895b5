"""Heartbeat paths that plugins drive: each is opened again and again, and lost alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Final, Protocol, TypeAlias

import attrs

from clpcore import messages
from clpcore.model.members import Heartbeat
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.workers.paths import NoPath, Receive

_AGAIN_FIRST: Final = 0.1  # seconds; doubled up to a heartbeat's interval, within reason
_AGAIN_LEAST, _AGAIN_MOST = 1.0, 30.0


class OpenPath(Protocol):
    """A heartbeat path that is open: ``heartbeats.Link``, or a worker's."""

    def send(self, frame: bytes, /) -> None:
        """Send to every other server; what cannot be sent is lost."""
        ...

    def drain(self) -> None:
        """Take what has come."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class DrivenPath(OpenPath, Protocol):
    """One that a plugin drives."""

    @property
    def ended(self) -> asyncio.Future[str]:
        """Give what becomes why it has failed."""
        ...


OpenDriven: TypeAlias = Callable[[Heartbeat, Receive], Awaitable[DrivenPath]]


@attrs.frozen
class DrivenPaths:
    """Keeps the paths of one agent open; those that are stand in *links*, by name.

    *receive* gets each frame, after the path's name. *interval* of heartbeats, in ms; *server*:
    this one.
    """

    _open: OpenDriven
    _receive: Callable[[str, bytes], None]
    _links: MutableMapping[str, OpenPath]
    _troubles: Troubles
    _interval: int
    _server: str

    async def keep(self, heartbeat: Heartbeat) -> None:
        """Keep one open; never returns."""
        most = max(_AGAIN_LEAST, min(self._interval / 1_000, _AGAIN_MOST))
        known = {"heartbeat": heartbeat.name, "server": self._server}
        what, again = f"Heartbeat {heartbeat.name}", _AGAIN_FIRST
        while True:
            try:
                path = await self._open(
                    heartbeat, lambda frame: self._receive(heartbeat.name, frame)
                )
            except NoPath as error:
                why = str(error)
            else:
                self._troubles.end(what, messages.because("pm533", **known))
                again = _AGAIN_FIRST
                why = await self._while_open(heartbeat.name, path)
            self._troubles.begin(what, messages.because("pm532", reason=why, **known))
            await asyncio.sleep(again)
            again = min(2 * again, most)

    async def _while_open(self, name: str, path: DrivenPath) -> str:
        """Use the path until it has failed; give why."""
        self._links[name] = path
        try:
            return await asyncio.shield(path.ended)
        finally:
            path.close()
            self._links.pop(name, None)
