"""Commands that run in a place of the lab beside everything else."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

from clp_lab.errors import LabError
from clp_lab.spots import Spot

_PATIENCE_S = 12.0
_HOLD = """
import socket, sys, time
kind, address, port = sys.argv[1:]
sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
if kind == "tcp":
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
sock.bind((address, int(port)))
if kind == "tcp":
    sock.listen()
print("bound", flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def beside(place: Spot, *argv: str) -> Iterator[str]:
    """Let a command run during the block, which begins with the first line that it says.

    Raises:
        LabError: it ends, or a dozen seconds pass, before it says one.

    """
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb", buffering=0) as said,
        Path(os.devnull).open("r+b") as null,
        contextlib.ExitStack() as stack,
    ):
        try:
            stdio = null.fileno(), writing, null.fileno()
            stack.enter_context(place.start(argv, stdio=stdio))
        finally:
            os.close(writing)
        ready, _, _ = select.select([said], (), (), _PATIENCE_S)
        line = said.readline() if ready else b""
        if not line:
            raise LabError(f"{argv[0]} said nothing on {place.name}, or ended before")
        yield line.decode()


def holding(
    place: Spot, kind: str, port: int, address: str = ""
) -> contextlib.AbstractContextManager[str]:
    """Let a stranger have a port during the block; *kind* is "tcp" (it listens) or "udp"."""
    return beside(place, sys.executable, "-I", "-S", "-c", _HOLD, kind, address, str(port))
