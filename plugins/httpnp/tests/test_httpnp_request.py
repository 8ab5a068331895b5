"""httpnp against a real web server on loopback, and what it refuses to be told."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

import attrs
import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving import tcp
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_httpnp.partition import Config, Httpnp, validate


class Lan(Protocol):
    """What clp_lab.lan gives: machines on one switch."""

    def on(self, machine: str, work: object, *args: object) -> object: ...
    def add(self, machine: str, *addresses: str) -> None: ...


class _Handler(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.asked.append(self.requestline)
        self.send_response(404)
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """The URL of a web server that says 404 to everything."""
    _Handler.asked.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/alive"
        server.shutdown()
        thread.join()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a machine whose queue of connections is full: it does not answer."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}/"


def _ask(config: Config, root: Path, patience: int = 8_000) -> api.Answer:
    call = api.Call(
        event=api.Event.START,
        role=api.Role.ACTIVE,
        epoch=0,
        server="node1",
        home="node1",
        previous="",
        group="",
        resource="",
        monitor="httpnp1",
        deadline=clock.now() + patience,
    )
    ports = LocalPorts(call, Folders.of(Root(root), call), Limits())
    return asyncio.run(Httpnp(config).ask(call, ports))


def test_any_answer_is_an_answer(web: str, tmp_path: Path) -> None:
    assert _ask(Config(url=web), tmp_path) is api.Answer.ANSWERED
    assert _Handler.asked == ["HEAD /alive HTTP/1.1"]


def test_only_the_accepted_codes_are_where_they_are_given(web: str, tmp_path: Path) -> None:
    config = Config(url=web, method="GET", accepted_codes=(200,))
    assert _ask(config, tmp_path) is api.Answer.SILENT
    assert _ask(attrs.evolve(config, accepted_codes=(200, 404)), tmp_path) is api.Answer.ANSWERED
    assert _Handler.asked == ["GET /alive HTTP/1.1"] * 2


def test_who_does_not_answer_is_silent_and_told_before_the_deadline(
    silent: str, tmp_path: Path
) -> None:
    began = clock.now()
    assert _ask(Config(url=silent), tmp_path, patience=2_500) is api.Answer.SILENT
    assert clock.now() - began < 2_500


def test_who_refuses_is_no_sign_of_a_network_that_is_cut(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(api.Failed, match="did not answer"):
        _ask(Config(url=f"http://127.0.0.1:{port}/"), tmp_path)


def test_a_name_that_does_not_exist_is_an_unknown(tmp_path: Path) -> None:
    with pytest.raises(api.Failed, match=r"a\.\.b cannot be looked up: .*; correct url or proxy"):
        _ask(Config(url="http://a..b/"), tmp_path)


def test_what_this_server_cannot_try_is_nobodys_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_socket(host: str, port: int, _timeout: int) -> api.Reach:
        raise api.Failed(f"{host}:{port} cannot be tried from here: Too many open files")

    monkeypatch.setattr(tcp, "connect", no_socket)
    with pytest.raises(api.Failed, match="cannot be tried from here"):
        _ask(Config(url="http://127.0.0.1:1/"), tmp_path)


def test_name_servers_that_take_their_time_are_silent_before_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def resolver(*_: object) -> None:
        over.wait(30)

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    began = clock.now()
    try:
        assert _ask(Config(url="http://witness.example/"), tmp_path, 600) is api.Answer.SILENT
        assert clock.now() - began < 600
    finally:
        over.set()


@pytest.mark.netns
def test_a_server_without_a_way_out_is_cut_off(lan: Lan, tmp_path: Path) -> None:
    lan.add("node1", "10.5.0.1/24")
    for url in ("http://203.0.113.1/", "http://witness.example/"):
        assert lan.on("node1", _ask, Config(url=url), tmp_path) is api.Answer.SILENT


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": ""}, "url"),
        ({"url": "ftp://10.5.0.1/"}, "url"),
        ({"url": "10.5.0.1"}, "url"),
        ({"url": "http://10.5.0.1:port/"}, "url"),
        ({"proxy": "10.5.0.9:3128"}, "proxy"),
        ({"method": "POST"}, "method"),
    ],
)
def test_what_cannot_be_asked_is_refused(change: dict[str, str], key: str) -> None:
    good = Config(url="https://10.5.0.1/")
    assert list(validate(good)) == []
    assert [problem.key for problem in validate(attrs.evolve(good, **change))] == [key]  # type: ignore[arg-type]
