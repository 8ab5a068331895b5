"""``echo``: a process that sends every line back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import attrs

from clpcore import api

SERVER: Final = "server"  # the name of the kept process
_PROGRAM: Final = str(Path(__file__).with_name("server.py"))
_ANSWER: Final = 1_000  # ms for an answer from this very machine
_GRACE: Final = 2_000  # ms between TERM and KILL


@attrs.frozen(kw_only=True)
class Config:
    """``[group.GROUP.resource.NAME]`` of type ``echo``."""

    port: int = api.setting(
        "The TCP port of the service.", unit="port", example="7007", low=1, high=65_535
    )


@attrs.frozen
class Echo:
    """Opens the port here, where a port in use is a clear error, and hands it to the process."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        """Tell whether our process lives and answers; somebody else's port is not ours."""
        if await ports.kept(SERVER) is None:
            return api.Presence.INACTIVE
        reach = await ports.connect("127.0.0.1", self.config.port, timeout=_ANSWER)
        answered = reach is api.Reach.ANSWERED
        return api.Presence.ACTIVE if answered else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        """Start the process unless it serves; one that does not answer is replaced."""
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            return
        await ports.end(SERVER, grace=_GRACE)
        listening = ports.listen("", self.config.port)
        try:
            await ports.keep(SERVER, [sys.executable, "-I", _PROGRAM], inherit=(listening,))
        finally:
            os.close(listening)
        if await self.probe(call, ports) is not api.Presence.ACTIVE:
            raise api.Failed(f"port {self.config.port} is open but does not answer")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        """End the process; its connections end with it."""
        await ports.end(SERVER, grace=_GRACE)


SPEC: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="echo",
    api=api.ApiVersion(0, 1),
    summary="Runs a service that sends every line back.",
    config=Config,
    make=Echo,
    pairs_with=("echow",),
)
