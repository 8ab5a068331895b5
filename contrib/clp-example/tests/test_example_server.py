"""The real process sends lines back."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clp_example import server

# What ports.keep does: the socket becomes descriptor 3, then the program runs.
_AS_THREE = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        program = [sys.executable, "-I", str(Path(server.__file__))]
        argv = [sys.executable, "-I", "-c", _AS_THREE, str(fd), *program]
        with subprocess.Popen(argv, pass_fds=(fd,)) as process:
            yield listening.getsockname()[1]
            process.terminate()


def test_it_sends_every_line_back(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"one\ntwo\n")
        answer = b""
        while answer.count(b"\n") < 2:
            answer += client.recv(100)
    assert answer == b"one\ntwo\n"
