"""The companion that shows the figures on a TCP port: it asks the agent's socket, once a second.

A process of its own: what comes over the network never reaches the agent's memory or its loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from pathlib import Path
from typing import Final

from clpcore import messages
from clpcore.model.endpoints import endpoint
from clpcore.runtime import attempts, unixsockets
from clpcore.runtime.briefs import PortBrief
from clpcore.runtime.companion import Agent
from clpcore.runtime.metrics.serving import NoPage, Pages
from clpcore.wire import values

_PATIENCE: Final = 5.0  # seconds for the agent's page
_LARGEST: Final = 64 << 20
_AGAIN: Final = 1.0


async def fetch(source: Path) -> bytes:
    """Give the agent's page.

    Raises:
        NoPage: the agent gives none.

    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _fetch(source)
    except (OSError, TimeoutError) as error:
        raise NoPage(f"the agent does not answer: {str(error) or 'too late'}") from error


async def _fetch(source: Path) -> bytes:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        unixsockets.connect(sock, source)  # at once, or not at all
        reader, writer = await asyncio.open_unix_connection(sock=sock)
    except BaseException:
        sock.close()
        raise
    with contextlib.closing(writer):
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        answer = bytearray()
        while piece := await reader.read(1 << 16):
            answer += piece
            if len(answer) > _LARGEST:
                raise NoPage("the agent's page has no end")
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise NoPage(body.decode("ascii", "replace").strip() or "the agent gives no page")
    return body


async def serve(brief: PortBrief, agent: Agent) -> None:
    """Show the figures until the agent is gone."""
    pages = Pages(lambda: fetch(Path(brief.source)))
    what = f"TCP {brief.endpoint}"
    while not agent.gone.is_set():
        try:
            await pages.open(_listening(brief.endpoint))
            break
        except OSError as error:
            reason = attempts.why(error)
            agent.begin(what, messages.because("pm504", what=what, reason=reason))
            await asyncio.sleep(_AGAIN)
    agent.end(what, messages.because("pm505", what=what))
    agent.ready()
    await asyncio.to_thread(agent.gone.wait)
    pages.close()


def _listening(where: str) -> socket.socket:
    address, port = endpoint(where)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def main() -> int:
    """Be the companion; the brief comes from stdin."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    agent = Agent.at_stdin()
    asyncio.run(serve(values.from_json(agent.brief(), PortBrief), agent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
