"""The simulator's Unix socket: a line of JSON asks the desk, a line of JSON answers."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from clp_azuresim.azure import Azure
from clp_azuresim.desk import Desk, Refusal

NAME: Final = "control"
"""The socket's name in the simulator's folder."""
_LONGEST: Final = 1 << 20
_LONGEST_PATH: Final = 107
_PATIENCE_S: Final = 30.0


class Gone(Exception):
    """No simulator answers there."""


async def serve(desk: Desk, folder: Path) -> asyncio.Server:
    """Listen in a folder; only the user who runs the simulator can connect.

    Raises:
        OSError: the path is too long for a socket, or another simulator uses the folder.
    """
    path = folder / NAME
    if len(os.fsencode(path)) > _LONGEST_PATH:
        text = f"{path} is longer than the {_LONGEST_PATH} bytes of a Unix socket's name"
        raise OSError(f"{text}: use a shorter folder")
    with contextlib.suppress(Gone):
        connect(folder)
        raise OSError(f"another simulator answers at {path}: end it, or use another folder")
    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(
        lambda reader, writer: _converse(desk, reader, writer), path, limit=_LONGEST
    )
    path.chmod(0o600)
    return server


async def _converse(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ValueError):
        while line := await reader.readline():
            writer.write(json.dumps(await _answer(desk, line)).encode() + b"\n")
            await writer.drain()
    writer.close()


async def _answer(desk: Desk, line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict) or not isinstance(request.get("do"), str):
            raise Refusal('a request is a line as {"do": "status"}')
        return {"answer": await desk.ask(request.pop("do"), request)}
    except ValueError as problem:
        return {"refused": str(problem)}


def connect(folder: Path) -> Azure:
    """Give the simulator that keeps its things in a folder; Gone when there is none."""

    def ask(word: str, details: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what JSON gives
        return _ask(folder / NAME, {"do": word, **details})

    return Azure(ask)


def _ask(path: Path, request: Mapping[str, Any]) -> Any:  # noqa: ANN401
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(_PATIENCE_S)
        try:
            channel.connect(str(path))
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as lines:
                line = lines.readline()
        except OSError as problem:
            text = f"no simulator answers at {path} ({problem}): start one with clp-azuresim"
            raise Gone(text) from problem
    if not line:
        raise Gone(f"the simulator at {path} ended")
    answer = json.loads(line)
    if "refused" in answer:
        raise Refusal(answer["refused"])
    return answer["answer"]
