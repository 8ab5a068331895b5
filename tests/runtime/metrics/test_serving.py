"""Scrapers in bad faith: they are slow, many, endless; the next one still gets its page."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from clpcore.runtime import unixsockets
from clpcore.runtime.metrics import serving
from clpcore.runtime.metrics.serving import VISITORS, NoPage, Pages

Until = Callable[[Callable[[], object]], Awaitable[None]]
PAGE = b"clpcore_info 1\n"


@asynccontextmanager
async def serve(folder: Path, page: bytes | Exception = PAGE) -> AsyncIterator[tuple[Pages, Path]]:
    made = 0

    async def make() -> bytes:
        nonlocal made
        made += 1
        if isinstance(page, Exception):
            raise page
        return page

    pages, path = Pages(make), folder / "metrics"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    unixsockets.bind(sock, path)
    await pages.open(sock)
    try:
        yield pages, path
    finally:
        pages.close()
        await asyncio.sleep(0.01)


async def get(path: Path, request: bytes = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(path))
    with contextlib.closing(writer):
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", "200", PAGE),
        (b"GET / HTTP/1.0\n\n", "200", PAGE),
        (b"GET /metrics?a=b HTTP/1.1\r\nAccept: */*\r\n\r\n", "200", PAGE),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200", b""),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", "404", b"the page is /metrics\n"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405", b"only GET\n"),
        (b"\x16\x03\x01\x00\r\n\r\n", "405", b"only GET\n"),
        (b"GET /" + b"x" * 20_000, "431", b"too long a request\n"),
    ],
)
def test_requests(tmp_path: Path, request_: bytes, status: str, body: bytes) -> None:
    async def run() -> bytes:
        async with serve(tmp_path) as (_, path):
            return await get(path, request_)

    head, _, got = asyncio.run(run()).partition(b"\r\n\r\n")
    assert head.split()[1].decode() == status
    assert got == body


def test_a_page_that_cannot_be_made_is_said_to_be_none(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, bytes]:
        async with serve(tmp_path, NoPage("the agent does not answer")) as (_, path):
            none = await get(path)
        async with serve(tmp_path, ArithmeticError("bug")) as (_, path):
            return none, await get(path)

    none, bug = asyncio.run(run())
    assert b" 503 " in none
    assert none.endswith(b"the agent does not answer\n")
    assert b" 500 " in bug


def test_a_megabyte_of_headers_is_not_kept(tmp_path: Path) -> None:
    async def run() -> bytes:
        async with serve(tmp_path) as (_, path):
            reader, writer = await asyncio.open_unix_connection(str(path))
            with contextlib.closing(writer), contextlib.suppress(ConnectionError):
                writer.write(b"GET /metrics HTTP/1.1\r\n" + b"X: " + b"y" * 1_000_000)
                await writer.drain()
                await reader.read()
            return await get(path)

    assert asyncio.run(run()).endswith(PAGE)


def test_one_that_says_or_reads_nothing_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(serving, "WITHIN", 0.1)

    async def run() -> None:
        async with serve(tmp_path, b"x" * 8_000_000) as (pages, path):
            _silent, silent_end = await asyncio.open_unix_connection(str(path))
            _deaf, deaf_end = await asyncio.open_unix_connection(str(path), limit=1)
            deaf_end.write(b"GET /metrics HTTP/1.1\r\n\r\n")
            await until(lambda: len(pages._visits) == 2)
            await until(lambda: not pages._visits)
            silent_end.close()
            deaf_end.close()

    asyncio.run(run())


def test_many_get_no_more_than_their_share(tmp_path: Path, until: Until) -> None:
    async def run() -> None:
        async with serve(tmp_path, b"x" * 8_000_000) as (pages, path):
            held = [await asyncio.open_unix_connection(str(path), limit=1) for _ in range(VISITORS)]
            for _, writer in held:
                writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
            await until(lambda: [each.idle for each in pages._visits] == [False] * VISITORS)
            assert b" 503 " in await get(path, b"")
            for _, writer in held:
                writer.close()
            await until(lambda: not pages._visits)
            assert (await get(path)).endswith(b"x")

    asyncio.run(run())


def test_who_asks_for_nothing_keeps_nobody_out(tmp_path: Path, until: Until) -> None:
    async def run() -> None:
        async with serve(tmp_path) as (pages, path):
            idle = [await asyncio.open_unix_connection(str(path)) for _ in range(70)]
            await until(lambda: len(pages._visits) == VISITORS)
            assert (await get(path)).endswith(PAGE)
            for reader, _ in idle[: 70 - VISITORS]:
                async with asyncio.timeout(5):
                    assert await reader.read() == b""  # the longest there has given way
            await until(lambda: len(pages._visits) == VISITORS - 1)
            for _, writer in idle:
                writer.close()

    asyncio.run(run())


def test_a_page_is_made_once_for_all_who_ask_together() -> None:
    async def run() -> int:
        made = 0

        async def make() -> bytes:
            nonlocal made
            made += 1
            await asyncio.sleep(0.02)
            return PAGE

        pages = Pages(make)
        await asyncio.gather(*(pages.page() for _ in range(10)))
        await pages.page()
        return made

    assert asyncio.run(run()) == 1
