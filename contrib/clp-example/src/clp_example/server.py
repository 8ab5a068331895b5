"""The echo service: descriptor 3 is its listening socket. Run as ``python -I server.py``."""

from __future__ import annotations

import asyncio
import socket


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send every line back until the client goes; a line too long ends its connection."""
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    except (ConnectionError, ValueError):
        pass
    finally:
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_echo, sock=socket.socket(fileno=3))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
