"""Over HTTPS, and through a proxy."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from clpcore import api
from clpcore_witness import transport


class _Process(Protocol):
    url: str

    def end(self, number: int = 15) -> int: ...


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, cert = tmp_path / "tls.key", tmp_path / "tls.crt"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    command += f" -subj /CN=w -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {cert}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return key, cert


def test_over_https_only_who_is_trusted_is_told(
    process: Callable[..., _Process], server: Callable[..., Any], certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    more = f'listen = []\nlisten_tls = ["127.0.0.1:0"]\nprivate_key = "{key}"\n'
    running = process(f'{more}certificate = "{cert}"\n')
    url = running.url.replace("http:", "https:")
    mine = server(url, ca_file=str(cert))
    assert asyncio.run(mine.claim(1)).holder == mine.holder(1)
    with pytest.raises(api.Failed, match=r"certificate verify failed"):
        asyncio.run(server(url).claim(1))
    with pytest.raises(api.Misconfigured, match=r"certificates in /none/ca.pem cannot be read"):
        asyncio.run(server(url, ca_file="/none/ca.pem").claim(1))
    plain = server(running.url, request_timeout=2_000)
    with pytest.raises(api.Failed):
        asyncio.run(plain.claim(1))


class Proxy(threading.Thread):
    """Knows CONNECT; wants a name and a password."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.heads: list[bytes] = []

    def run(self) -> None:
        with self.socket:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
        with client:
            self.heads.append(client.recv(65_536))
            host, _, port = self.heads[0].split(b" ")[1].partition(b":")
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            with socket.create_connection((host.decode(), int(port))) as far:
                back = threading.Thread(target=self._copy, args=(far, client))
                back.start()
                self._copy(client, far)
                back.join()

    def _copy(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65_536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_through_a_proxy(
    process: Callable[..., _Process], server: Callable[..., Any], certificate: tuple[Path, Path]
) -> None:
    key, cert = certificate
    more = f'listen = []\nlisten_tls = ["127.0.0.1:0"]\nprivate_key = "{key}"\n'
    running = process(f'{more}certificate = "{cert}"\n')
    proxy = Proxy()
    proxy.start()
    try:
        place = f"http://user:pass%21@127.0.0.1:{proxy.socket.getsockname()[1]}"
        url = running.url.replace("http:", "https:")
        mine = server(url, ca_file=str(cert), proxy=place)
        assert asyncio.run(mine.claim(1)).holder == mine.holder(1)
        assert b"Basic dXNlcjpwYXNzIQ==" in proxy.heads[0]
        assert b"CLP1" not in proxy.heads[0]
    finally:
        for where in [*transport._pool._idle]:
            transport.hang_up(where)
        running.end()
        proxy.join(5)
