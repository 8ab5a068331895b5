"""TCP ports of this machine: how a connection ends, and who has a port."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys

import pytest

from clpcore import api
from clpcore.runtime.driving import tcp


def test_how_a_connection_ends() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            port = server.getsockname()[1]
            assert await tcp.connect("127.0.0.1", port, 2_000) is api.Reach.ANSWERED
            # It accepts nothing, so its queue of one is full now.
            assert await tcp.connect("127.0.0.1", port, 100) is api.Reach.SILENT
        assert await tcp.connect("127.0.0.1", port, 2_000) is api.Reach.REFUSED

    asyncio.run(test())


def test_each_address_of_a_name_is_tried() -> None:
    """localhost has two: what nobody listens on is refused, and no riddle."""

    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            assert await tcp.connect("localhost", port, 2_000) is api.Reach.ANSWERED
        assert await tcp.connect("localhost", port, 2_000) is api.Reach.REFUSED

    asyncio.run(test())


def test_what_cannot_be_tried_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is somebody else's: on it servers stop, and services are started again."""
    with pytest.raises(api.Failed, match=r"^a\.\.b cannot be looked up: "):
        asyncio.run(tcp.connect("a..b", 80, 2_000))

    def none_left(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    async def test() -> None:
        monkeypatch.setattr(socket, "socket", none_left)
        with pytest.raises(
            api.Failed, match=r"^127\.0\.0\.1:80 cannot be tried from here: Too man"
        ):
            await tcp.connect("127.0.0.1", 80, 2_000)

    asyncio.run(test())


_NO_WAY = """
import asyncio
from clpcore.runtime.driving import tcp
print(asyncio.run(tcp.connect("10.5.0.1", 20001, 1000)).name)
"""


@pytest.mark.netns
def test_a_server_that_knows_no_way_hears_silence() -> None:
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-c", _NO_WAY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert done.stdout == "SILENT\n", done.stderr


_MEETS_ITSELF = """
import asyncio, pathlib, socket, struct, subprocess
from clpcore.runtime.driving import tcp
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("20001 20001")
plain = socket.socket()
assert plain.connect_ex(("127.0.0.1", 20001)) == 0, "nothing is proved here"
plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # frees the port
plain.close()
print(asyncio.run(tcp.connect("127.0.0.1", 20001, 1000)).name)
"""


@pytest.mark.netns
def test_a_connection_that_meets_itself_is_no_answer() -> None:
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-c", _MEETS_ITSELF]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=15)
    assert done.stdout == "REFUSED\n", done.stderr


def test_a_port_in_use_says_by_whom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        taken = rf"^port {port} of 127\.0\.0\.1 is already in use by pid {os.getpid()} "
        with pytest.raises(api.Failed, match=taken):
            tcp.listen("127.0.0.1", port)
    fd = tcp.listen("127.0.0.1", port)
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_an_address_of_another_server_is_named() -> None:
    with pytest.raises(api.Failed, match=r"^192\.0\.2\.1 is no address of this server$"):
        tcp.listen("192.0.2.1", 26001)


def test_nobody_has_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert tcp.owners(port) == "a process that cannot be seen from here"
