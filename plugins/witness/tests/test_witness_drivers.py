"""The drivers against the service: frames at once, restarts, TLS, a proxy, keys not right."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from clpcore import api
from clpcore_witness import line


class _Place(Protocol):
    folder: Path
    key_text: str
    secret: str


class _Process(Protocol):
    url: str
    log: Path

    def end(self, number: int = 15) -> int: ...


# -- heartbeats


def test_a_frame_arrives_at_once(
    process: Callable[..., _Process], server: Callable[..., Any]
) -> None:
    running = process()

    async def waiting() -> tuple[bytes, float]:
        receiver = await server(running.url, "node2").open()
        sender = await server(running.url, "node1").open()
        try:
            receiving = asyncio.ensure_future(receiver.receive())
            await asyncio.wait([receiving], timeout=0.3)  # its question waits at the witness
            began = time.monotonic()
            await sender.send("node2", b"\0frame")
            return await receiving, time.monotonic() - began
        finally:
            await receiver.close()
            await sender.close()

    frame, took = asyncio.run(waiting())
    assert frame == b"\0frame"
    assert took < 1.0  # and not when the question would have ended: 5 s


def test_frames_go_on_after_the_witness_was_killed(
    process: Callable[..., _Process], server: Callable[..., Any]
) -> None:
    running = process()

    async def story() -> bytes:
        link, other = await server(running.url).open(), await server(running.url, "node2").open()
        try:
            running.end(signal.SIGKILL)
            with pytest.raises(api.Failed, match=r"^witness http://127\.0\.0\.1:\d+: "):
                await link.send("node2", b"lost")
            port = running.url.rpartition(":")[2]
            again = process(f'listen = ["127.0.0.1:{port}"]\n')
            assert again.url == running.url
            await link.send("node2", b"one more")
            arrived: bytes = await other.receive()
            return arrived
        finally:
            await link.close()
            await other.close()

    assert asyncio.run(story()) == b"one more"


def test_closing_wakes_who_waits(
    process: Callable[..., _Process], server: Callable[..., Any]
) -> None:
    running = process()

    async def closed() -> float:
        link = await server(running.url).open()
        receiving = asyncio.ensure_future(link.receive())
        await asyncio.wait([receiving], timeout=0.3)
        began = time.monotonic()
        await link.close()
        with pytest.raises(api.Failed):
            await receiving
        return time.monotonic() - began

    assert asyncio.run(closed()) < 1.0


def test_only_the_newest_frame_of_a_server_is_kept_and_not_for_long(
    run: Callable[..., Any], talker: Callable[..., Any]
) -> None:
    now = [1_000]
    witness = run(lambda: now[0])
    frames = witness.service.desk.frames
    for content in (b"old", b"new"):
        frames.put("Cluster1", "node1", "node2", content)

    def fresh() -> bytes:
        body: bytes = asyncio.run(frames.get("Cluster1", "node2", "", 0))
        return body.partition(b"\n")[2]

    assert fresh() == b"\0\x03new"
    now[0] += 10_001
    assert fresh() == b""
    assert talker().ask(witness.url, "GET", "/v1/heard")["heard"] == {"node1": 10_001}


# -- the arbiter


def test_a_claim_survives_the_witness(
    process: Callable[..., _Process], server: Callable[..., Any]
) -> None:
    running = process()
    mine, other = server(running.url), server(running.url, "node2")
    group = mine.call.group
    assert asyncio.run(mine.renew({})) is True
    assert asyncio.run(mine.claim(1)).holder == mine.holder(1)
    running.end(signal.SIGKILL)
    with pytest.raises(api.Failed, match="refused"):
        asyncio.run(other.claim(2))
    again = process()
    other, mine = server(again.url, "node2"), server(again.url)
    found = asyncio.run(other.claim(2))
    assert found.holder == mine.holder(1)
    assert 55_000 < (found.lapses_in or 0) <= 60_000
    assert asyncio.run(mine.renew({group: 1})) is True
    assert asyncio.run(mine.renew({group: 2})) is False


def test_a_witness_that_has_lost_its_memory_says_so(
    process: Callable[..., _Process], server: Callable[..., Any]
) -> None:
    running = process()
    with pytest.raises(api.Failed, match="no record of g, which node1 holds: it has lost its"):
        asyncio.run(server(running.url).renew({"g": 3}))


# -- what may be wrong


def test_a_key_that_the_witness_does_not_have(
    process: Callable[..., _Process], server: Callable[..., Any], place: _Place
) -> None:
    running, mine = process(), None
    mine = server(running.url)
    (place.folder / "keys" / "Cluster1.key").unlink()
    os.kill(running.popen.pid, signal.SIGHUP)  # type: ignore[attr-defined]
    _wait_for(running.log, "reloaded: 0 keys")
    with pytest.raises(api.Failed, match=r"does not know cluster Cluster1 by this key.*SIGHUP"):
        asyncio.run(mine.claim(1))
    _wait_for(running.log, "refused: a hello of a cluster that has no such key")
    assert place.secret not in running.log.read_text()


def _wait_for(log: Path, text: str) -> None:
    until = time.monotonic() + 5
    while text not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.01)


def test_a_key_file_that_is_not_there_or_not_good(
    server: Callable[..., Any], tmp_path: Path
) -> None:
    missing = server("http://127.0.0.1:1", key_file=str(tmp_path / "none"))
    with pytest.raises(api.Misconfigured, match=r"none is not there: copy CLUSTER\.server\.key"):
        asyncio.run(missing.claim(1))
    bad = tmp_path / "bad"
    bad.write_text("SECRETSECRET\n")
    with pytest.raises(
        api.Misconfigured, match=r"bad, line 1: a line is 'CLUSTER ID base64"
    ) as told:
        asyncio.run(server("http://127.0.0.1:1", key_file=str(bad)).claim(1))
    assert "SECRETSECRET" not in str(told.value)


def test_a_web_server_that_is_no_witness(server: Callable[..., Any]) -> None:
    with (
        _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") as url,
        pytest.raises(api.Failed, match=r"not the witness's own|takes no request of ours"),
    ):
        asyncio.run(server(url).claim(1))
    with (
        _answering(b"220 mail.example ESMTP\r\n") as url,
        pytest.raises(api.Failed, match="does not speak as a witness"),
    ):
        asyncio.run(server(url).claim(1))


class _answering:  # noqa: N801 - reads as a function
    """A server that says the same to everybody, and hangs up."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(self._said)

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_a_witness_that_does_not_answer_is_given_up_in_time(server: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(api.Failed, match=r"no answer within 0\.3 s"):
            asyncio.run(server(url, request_timeout=300).claim(1))
        assert time.monotonic() - began < 2


# -- settings


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": ""}, "url"),
        ({"url": "witness.example"}, "url"),
        ({"url": "ftp://witness.example"}, "url"),
        ({"url": "https://witness.example:port"}, "url"),
        ({"url": "https://witness.example/path"}, "url"),
        ({"url": "https://user@witness.example"}, "url"),
        ({"proxy": "10.5.0.9:3128"}, "proxy"),
        ({"key_file": "witness.key"}, "key_file"),
    ],
)
def test_what_cannot_be_asked_is_refused(change: dict[str, str], key: str) -> None:
    good = line.Connection(url="https://witness.example:443")
    assert list(line.validate(good)) == []
    bad = attrs.evolve(good, **change)  # type: ignore[arg-type]
    assert [problem.key for problem in line.validate(bad)] == [key]
