"""One question to a web server: real servers on the loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clpcore import api
from clpcore.runtime.driving import web


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.5)
        status = 302 if self.path == "/moved" else 200
        body = b"x" * (3 << 20) if self.path == "/large" else self.headers["X-Asked"].encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("X-Page", self.path)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as pages:
        pages.daemon_threads = True
        threading.Thread(target=pages.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()


def _ask(url: str, **words: str | int) -> api.HttpAnswer:
    asked = web.Question(
        method="GET",
        url=url,
        timeout=int(words.get("timeout", 5_000)),
        headers={"X-Asked": "why"},
        body=b"",
        ca_file=str(words.get("ca_file", "")),
        proxy="",
    )
    return asyncio.run(web.ask(asked))


def test_an_answer(server: str) -> None:
    answer = _ask(f"{server}/page")
    assert (answer.status, answer.body, answer.headers["x-page"]) == (200, b"why", "/page")


def test_a_redirection_is_an_answer(server: str) -> None:
    assert _ask(f"{server}/moved").status == 302


def test_a_large_body_is_cut(server: str) -> None:
    assert len(_ask(f"{server}/large").body) == 1 << 20


def test_the_proxies_of_the_environment_are_not_used(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert _ask(f"{server}/page").status == 200


def test_a_slow_server_is_silent(server: str) -> None:
    with pytest.raises(api.Failed, match=r"/slow did not answer within 0\.2 s"):
        _ask(f"{server}/slow", timeout=200)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(api.Failed, match="did not answer"):
            _ask(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_what_comes_after_the_question_mark_is_not_told() -> None:
    with pytest.raises(api.Failed) as caught:
        _ask("http://127.0.0.1:1/?sig=secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://", "127.0.0.1"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(api.Misconfigured, match="cannot be asked"):
        _ask(url)


def test_a_file_of_authorities_that_is_not_there(server: str, tmp_path: Path) -> None:
    with pytest.raises(api.Misconfigured, match=r"ca\.pem cannot be read"):
        _ask(server, ca_file=str(tmp_path / "ca.pem"))


def test_authorities_are_read_once_until_their_file_changes(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the system take 35 ms of a worker that has other things to do."""
    read: list[str | None] = []
    make = ssl.create_default_context

    def reading(*, cafile: str | None = None) -> ssl.SSLContext:
        read.append(cafile)
        return make()

    monkeypatch.setattr(ssl, "create_default_context", reading)
    monkeypatch.setattr(web, "_trusted", {})
    file = tmp_path / "ca.pem"
    file.write_text("one")
    for _ in range(2):
        _ask(server, ca_file=str(file))
        _ask(server)
    assert read == [str(file), None]
    file.write_text("another")
    _ask(server, ca_file=str(file))
    assert read == [str(file), None, str(file)]
