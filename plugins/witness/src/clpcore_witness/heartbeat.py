"""``witnesshb``: heartbeats over a witness service, for where no direct path is left."""

from __future__ import annotations

import collections
import urllib.parse
from typing import Final

import attrs

from clpcore import api
from clpcore_witness import transport
from clpcore_witness.line import Connection, Line, validate

_LONGEST_WAIT: Final = 20_000  # ms that the witness may hold a question
_PAUSE: Final = 200  # ms, where it holds none
_LENGTH: Final = 2  # bytes


@attrs.frozen(kw_only=True)
class Config(Connection):
    """``[heartbeat.NAME]`` of type ``witnesshb``."""


@attrs.frozen
class Witnesshb:
    """Opens the path of a server."""

    config: Config

    async def open(self, call: api.Call, ports: api.Ports) -> WitnessLink:
        """Open it, and see that the witness knows us."""
        link = WitnessLink(self.config, call.server, ports)
        await link.look()
        return link


class WitnessLink:
    """Sends and receives on connections of their own: a question that waits holds up nothing."""

    def __init__(self, config: Config, me: str, ports: api.Ports) -> None:
        """*me*: this server."""
        self._me = urllib.parse.quote(me, safe="")
        self._ports = ports
        self._sending = Line(config, f"sending {id(self)}")
        self._receiving = Line(config, f"receiving {id(self)}")
        self._wait = min(config.request_timeout // 2, _LONGEST_WAIT)
        self._cursor = ""
        self._arrived: collections.deque[bytes] = collections.deque()
        self._closed = False

    async def look(self) -> None:
        """Ask what is there already, without waiting."""
        await self._receive(self._sending, 0)

    async def send(self, server: str, frame: bytes) -> None:
        self._check()
        receiver = urllib.parse.quote(server, safe="")
        target = f"/v1/frames/{receiver}?from={self._me}"
        await self._sending.ask(self._ports, "POST", target, frame)

    async def receive(self) -> bytes:
        while not self._arrived:
            self._check()
            began = self._ports.now()
            await self._receive(self._receiving, self._wait)
            if not self._arrived and self._ports.now() - began < _PAUSE:
                await self._ports.sleep(_PAUSE)
        self._check()
        return self._arrived.popleft()

    async def close(self) -> None:
        self._closed = True
        for line in (self._sending, self._receiving):
            transport.hang_up(line.where)

    def _check(self) -> None:
        if self._closed:
            raise api.Failed("the heartbeat path over the witness is closed")

    async def _receive(self, line: Line, wait: int) -> None:
        query = urllib.parse.urlencode({"after": self._cursor, "wait": wait})
        said = await line.ask(self._ports, "GET", f"/v1/frames/{self._me}?{query}")
        cursor, _, rest = said.partition(b"\n")
        while rest:
            end = _LENGTH + int.from_bytes(rest[:_LENGTH], "big")
            self._arrived.append(rest[_LENGTH:end])
            rest = rest[end:]
        self._cursor = cursor.decode("ascii", "replace")


SPEC: Final = api.DriverSpec(
    kind=api.Kind.HEARTBEAT,
    name="witnesshb",
    api=api.ApiVersion(0, 1),
    summary="Heartbeats over a witness service (HTTP or HTTPS).",
    config=Config,
    make=Witnesshb,
    validate=validate,
    warm_up=transport.warm_up,
)
