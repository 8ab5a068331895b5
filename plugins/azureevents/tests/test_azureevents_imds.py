"""The metadata service on a real socket: what is asked, and that no answer can hurt or hold."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import pytest

from clpcore_azureevents.imds import Imds, NoAnswer

_NOTHING = json.dumps({"DocumentIncarnation": 1, "Events": []}).encode()
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each connection as it is told, and keeps what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        # Not in the coroutine: one that is cancelled before its first step runs nothing.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        await self._answer(reader, writer)
        writer.close()
        await writer.wait_closed()


def says(body: bytes, status: str = "200 OK") -> Answer:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


def late(seconds: float) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await says(_NOTHING)(reader, writer)

    return answer


async def _endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def _reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def test_it_asks_as_azure_wants_and_past_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def run() -> list[str]:
        server = Server(says(_NOTHING))
        async with server as url, Imds(url, 5) as imds:
            assert (await imds.document()).events == ()
            await imds.approve("E1")
        return server.asked

    look, approval = asyncio.run(run())
    assert look.startswith("GET /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\n")
    assert "metadata: true\r\n" in look.lower()
    assert approval.startswith("POST /metadata/scheduledevents?api-version=2020-07-01 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (says(b"<html>"), "cannot be read"),
        (says(b"[" * 100_000), "cannot be read"),
        (says(b'{"Events": [{}]}'), "an event has no list of Resources"),
        (says(b"\xff\xfe"), "cannot be read"),
        (says(b"{}", "500 Oops"), "it answers 500"),
        (says(b"", "307 Elsewhere\r\nLocation: http://127.0.0.1:1/"), "it answers 307"),
        (_endless, "more than"),
        (_reset, "Error"),
    ],
    ids=["html", "deep", "empty event", "no text", "500", "redirect", "endless", "reset"],
)
def test_what_is_no_document_is_no_answer(answer: Answer, said: str) -> None:
    async def run() -> None:
        async with Server(answer) as url, Imds(url, 5) as imds:
            with pytest.raises(NoAnswer, match=said):
                await imds.document()

    asyncio.run(run())


def test_the_first_answer_may_take_long_and_the_later_ones_may_not() -> None:
    """Here in tenths: the first deadline is the configured one, and later ones never above it."""

    async def run() -> tuple[float, float]:
        async with Server(late(0.3)) as url:
            async with Imds(url, 2.0) as patient:
                await patient.document()
            async with Imds(url, 0.1) as hasty:
                began = time.monotonic()
                with pytest.raises(NoAnswer, match=r"no answer within 0\.1 s"):
                    await hasty.document()
                return began, time.monotonic()

    began, ended = asyncio.run(run())
    assert ended - began < 0.3


def test_after_a_late_answer_the_next_one_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure switches events off when nobody has looked for a day: the first one is slow again."""
    monkeypatch.setattr("clpcore_azureevents.imds._USUAL", 0.1)
    delays = iter([0.0, 0.25, 0.25, 0.25])

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await late(next(delays))(reader, writer)

    async def run() -> list[str]:
        said = []
        async with Server(answer) as url, Imds(url, 1.0) as imds:
            for _ in range(4):
                try:
                    await imds.document()
                    said.append("")
                except NoAnswer as error:
                    said.append(str(error))
        return said

    assert asyncio.run(run()) == ["", "no answer within 0.1 s", "no answer within 0.2 s", ""]


def test_nobody_listens() -> None:
    async def run() -> None:
        async with Imds("http://127.0.0.1:1", 5) as imds:
            with pytest.raises(NoAnswer, match="ConnectError"):
                await imds.machine()

    asyncio.run(run())
