"""The probe port that answers by HTTP."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clpcore_lbpp import web

_PROGRAM = Path(web.__file__)
_GET = b"GET /anything?here HTTP/1.1\r\nHost: 10.5.0.110:26001\r\n\r\n"


@attrs.frozen
class Port:
    number: int
    process: subprocess.Popen[bytes]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.number), timeout=5)

    def get(self, method: str = "GET", path: str = "/") -> int:
        """As a balancer asks; every answer closes its connection."""
        asking = http.client.HTTPConnection("127.0.0.1", self.number, timeout=5)
        asking.request(method, path)
        answer = asking.getresponse()
        answer.read()
        assert asking.sock is None
        return answer.status


def _run(program: str) -> Iterator[Port]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        number = listening.getsockname()[1]
        fd = listening.fileno()
        # As Ports.keep does it: the socket is descriptor 3, and nothing else is open.
        take = f"import os, sys; os.dup2({fd}, 3); os.execv(sys.executable, sys.argv)"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", take, "-I", "-S", program], pass_fds=(fd,)
        )
    yield Port(number, process)
    process.kill()
    process.wait(5)


@pytest.fixture
def port() -> Iterator[Port]:
    yield from _run(str(_PROGRAM))


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Port]:
    """The same with little patience and few places."""
    text = re.sub(r"_PATIENCE = 5.0", "_PATIENCE = 0.3", _PROGRAM.read_text())
    (tmp_path / "web.py").write_text(re.sub(r"_MOST = 256", "_MOST = 3", text))
    yield from _run(str(tmp_path / "web.py"))


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Port]:
    """The same with few places, all of them taken."""
    text = re.sub(r"_MOST = 256", "_MOST = 3", _PROGRAM.read_text())
    (tmp_path / "web.py").write_text(text)
    yield from _run(str(tmp_path / "web.py"))


@pytest.mark.parametrize("path", ["/", "/health", "/%00?" + "x" * 4_000])
def test_every_path_is_well(port: Port, path: str) -> None:
    assert port.get(path=path) == 200
    assert port.get("HEAD", path) == 200


def test_a_request_may_come_in_pieces(port: Port) -> None:
    with port.connect() as client:
        for byte in _GET:
            client.sendall(bytes([byte]))
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        assert client.recv(100) == b""  # an orderly close: a reset would be a failure


def test_a_slow_client_keeps_nobody_waiting(port: Port) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(port.connect()).sendall(b"GET / HT")
        assert port.get() == 200


def test_who_asks_nothing_is_reset(hasty: Port) -> None:
    with hasty.connect() as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert hasty.get() == 200


def test_the_oldest_makes_room(hasty: Port) -> None:
    with contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(hasty.connect()) for _ in range(4)]
        with pytest.raises(ConnectionResetError):
            first.recv(1)
        others[-1].sendall(_GET)
        assert others[-1].recv(100).startswith(b"HTTP/1.1 200")


def test_the_oldest_may_speak_up_just_when_it_makes_room(crowded: Port) -> None:
    with contextlib.ExitStack() as stack:
        first, *_ = [stack.enter_context(crowded.connect()) for _ in range(3)]
        _wait_for_open(crowded, 3)
        crowded.process.send_signal(signal.SIGSTOP)  # so that it sees both at one look
        newest = stack.enter_context(crowded.connect())
        first.sendall(b"G")
        crowded.process.send_signal(signal.SIGCONT)
        newest.sendall(_GET)
        assert newest.recv(100).startswith(b"HTTP/1.1 200")
    assert crowded.process.poll() is None


def _wait_for_open(port: Port, count: int) -> None:
    folder = Path(f"/proc/{port.process.pid}/fd")
    deadline = time.monotonic() + 5
    # Beside its connections it has the three of every process, the listening one and its epoll.
    while sum(1 for _ in folder.iterdir()) < count + 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_head_without_an_end_is_reset(port: Port) -> None:
    with port.connect() as client, pytest.raises(OSError, match=r"reset|Broken pipe"):
        client.sendall((b"X: " + b"y" * 4_000 + b"\r\n") * 5_000)
    assert port.get() == 200


def test_bad_clients_do_not_end_it(port: Port) -> None:
    for _ in range(100):
        with port.connect() as client, contextlib.suppress(OSError):
            client.sendall(os.urandom(100) + b"\r\n\r\n" * 500)
    for _ in range(100):
        port.connect().close()
    assert port.get() == 200


def test_what_is_open_when_it_ends_is_reset(port: Port) -> None:
    with port.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        _must_be_taken(port)
        port.process.kill()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def _must_be_taken(port: Port) -> None:
    """An answer to a later one tells that the earlier one was accepted."""
    deadline = time.monotonic() + 5
    while port.get() != 200:
        assert time.monotonic() < deadline


def test_it_is_a_small_process(port: Port) -> None:
    assert port.get() == 200
    rollup = Path(f"/proc/{port.process.pid}/smaps_rollup").read_text()
    assert int(rollup.split("Pss:")[1].split()[0]) < 12_000  # kB
