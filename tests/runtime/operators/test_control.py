"""The control socket serves who may ask, and nobody there can hold the agent up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from clpcore.runtime import unixsockets
from clpcore.runtime.operators import accounts, control
from clpcore.runtime.operators.control import Client, Control

Until = Callable[[Callable[[], object]], Awaitable[None]]
Serve = Callable[[dict[str, Any], Client], Awaitable[None]]


async def echo(request: dict[str, Any], client: Client) -> None:
    client.reply({"ok": True, "got": request, "uid": client.uid})


@asynccontextmanager
async def listening(folder: Path, serve: Serve = echo) -> AsyncIterator[Control]:
    served = Control(folder / "run" / "control", serve)
    await served.open()
    try:
        yield served
    finally:
        served.close()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def client(
    served: Control,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(served._path))
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(served: Control, data: bytes, *, replies: int = 1) -> list[dict[str, Any]]:
    async with client(served) as (reader, writer), asyncio.timeout(5):
        writer.write(data)
        return [json.loads(await reader.readline()) for _ in range(replies)]


def test_a_request_is_served_with_who_asks(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as served:
            (reply,) = await ask(served, b'{"do": "status"}\n')
        assert reply == {"ok": True, "got": {"do": "status"}, "uid": os.getuid()}

    asyncio.run(run())


def test_requests_are_served_one_after_the_other(tmp_path: Path) -> None:
    async def slow_first(request: dict[str, Any], client: Client) -> None:
        await asyncio.sleep(0.05 if request["n"] == 1 else 0)
        client.reply(request)

    async def run() -> None:
        async with listening(tmp_path, slow_first) as served:
            replies = await ask(served, b'{"n":1}\n{"n":2}\n{"n":', replies=2)
        assert [reply["n"] for reply in replies] == [1, 2]

    asyncio.run(run())


def test_one_that_says_no_more_still_gets_its_answer(tmp_path: Path) -> None:
    async def run() -> None:
        async with listening(tmp_path) as served, client(served) as (reader, writer):
            writer.write(b'{"n":1}\n{"n":2}\n')
            writer.write_eof()
            async with asyncio.timeout(5):
                assert len((await reader.read()).splitlines()) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    "garbage",
    [
        *(b"hello\n", b"[1]\n", b"\n", b"\xff\xfe\n", b"[" * 60_000 + b"\n"),
        *(b'{"do": "\\ud800"}\n', b'{"\\udfff": 1}\n', b'{"do": "\xed\xa0\x80"}\n'),
        b'{"do": "\xff"}\n',
    ],
)
def test_garbage_is_refused_and_the_next_request_served(tmp_path: Path, garbage: bytes) -> None:
    async def run() -> None:
        async with listening(tmp_path) as served:
            refused, served_one = await ask(served, garbage + b'{"n":1}\n', replies=2)
        assert refused["ok"] is False
        assert "JSON" in refused["error"]
        assert served_one["got"] == {"n": 1}

    asyncio.run(run())


def test_half_a_character_in_an_answer_is_spelled_as_json_spells_it(tmp_path: Path) -> None:
    async def named(_request: dict[str, Any], client: Client) -> None:
        client.reply({"ok": True, "file": os.fsdecode(b"a\xffb")})

    async def run() -> None:
        async with listening(tmp_path, named) as served:
            (reply,) = await ask(served, b"{}\n")
        assert os.fsencode(reply["file"]) == b"a\xffb"

    asyncio.run(run())


def test_an_endless_request_ends_the_connection(tmp_path: Path, until: Until) -> None:
    async def run() -> None:
        async with listening(tmp_path) as served, client(served) as (reader, writer):
            writer.write(b"x" * 70_000)
            async with asyncio.timeout(5):
                refused = json.loads(await reader.readline())
                assert "65536 bytes" in refused["error"]
                assert await reader.read() == b""
            await until(lambda: not served._clients)

    asyncio.run(run())


def test_a_client_that_does_not_read_is_let_go(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_LONGEST_BACKLOG", 1_000_000)

    begun: list[Client] = []

    async def flood(_request: dict[str, Any], client: Client) -> None:
        begun.append(client)
        while True:
            client.reply({"x": "x" * 10_000})
            await asyncio.sleep(0)

    async def run() -> None:
        async with listening(tmp_path, flood) as served:
            with socket.socket(socket.AF_UNIX) as stuck:
                stuck.connect(str(served._path))
                stuck.send(b"{}\n")
                await until(lambda: begun and not served._clients)

    asyncio.run(run())


def test_one_that_does_not_read_is_served_no_more_until_it_does(
    tmp_path: Path, until: Until
) -> None:
    served_now: list[int] = []

    async def large(request: dict[str, Any], client: Client) -> None:
        served_now.append(request["n"])
        client.reply({"n": request["n"], "x": "x" * 1_000_000})

    async def run() -> None:
        async with listening(tmp_path, large) as served:
            reader, writer = await asyncio.open_unix_connection(str(served._path), limit=1 << 21)
            reading = cast("asyncio.ReadTransport", writer.transport)
            reading.pause_reading()
            writer.write(b'{"n":1}\n{"n":2}\n{"n":3}\n')
            await until(lambda: served_now)
            writer.write_eof()
            await asyncio.sleep(0.05)
            assert served_now == [1]
            reading.resume_reading()
            async with asyncio.timeout(5):
                assert len((await reader.read()).splitlines()) == 3
            writer.close()

    asyncio.run(run())


def test_a_crowd_that_does_not_read_holds_no_descriptors(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENTS", 4)

    async def large(_request: dict[str, Any], client: Client) -> None:
        client.reply({"x": "x" * 1_000_000})

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count

    async def run() -> None:
        async with listening(tmp_path, large) as served:
            before = files()
            with contextlib.ExitStack() as crowd:
                for _ in range(20):
                    sock = crowd.enter_context(socket.socket(socket.AF_UNIX))
                    sock.connect(str(served._path))
                    sock.send(b"{}\n")
                    await asyncio.sleep(0.005)
                await until(lambda: files() == before + 20 + 4)

    asyncio.run(run())


def test_a_request_whose_client_went_away_is_given_up(tmp_path: Path, until: Until) -> None:
    state: list[str] = []

    async def endless(_request: dict[str, Any], client: Client) -> None:
        client.streams = True
        state.append("begun")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            state.append("given up")

    async def run() -> None:
        async with listening(tmp_path, endless) as served:
            async with client(served) as (_, writer):
                writer.write(b"{}\n")
                await until(lambda: state == ["begun"])
            await until(lambda: state == ["begun", "given up"])

    asyncio.run(run())


def test_a_crowd_of_idle_clients_gives_way(
    tmp_path: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENTS", 4)

    async def run() -> None:
        async with listening(tmp_path) as served:
            with contextlib.ExitStack() as crowd:
                for _ in range(10):
                    sock = crowd.enter_context(socket.socket(socket.AF_UNIX))
                    sock.connect(str(served._path))
                    await asyncio.sleep(0)
                await until(lambda: len(served._clients) == 4)
                (reply,) = await ask(served, b'{"n":1}\n')
                assert reply["ok"]

    asyncio.run(run())


def test_a_crowd_of_busy_clients_is_refused_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "_CLIENTS", 1)

    async def endless(_request: dict[str, Any], _client: Client) -> None:
        await asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with listening(tmp_path, endless) as served, client(served) as (_, writer):
            writer.write(b"{}\n")
            await asyncio.sleep(0.05)
            (reply,) = await ask(served, b"{}\n")
            assert "too many clients" in reply["error"]

    asyncio.run(run())


def test_a_verb_with_a_bug_answers_all_the_same(tmp_path: Path) -> None:
    async def broken(_request: dict[str, Any], _client: Client) -> None:
        raise KeyError("oops")

    async def run() -> None:
        async with listening(tmp_path, broken) as served:
            (reply,) = await ask(served, b"{}\n")
        assert reply["ok"] is False
        assert "oops" in reply["error"]

    asyncio.run(run())


def test_only_our_own_may_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def mode(group: int | None) -> tuple[int, int]:
        monkeypatch.setattr(accounts, "group_id", lambda _name: group)
        async with listening(tmp_path) as served:
            status = os.stat(served._path)  # noqa: PTH116
        return status.st_mode & 0o777, status.st_gid

    async def run() -> None:
        assert await mode(None) == (0o600, os.getgid())
        assert await mode(os.getgid()) == (0o660, os.getgid())

    asyncio.run(run())


def test_a_socket_that_an_earlier_agent_left_is_replaced(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as left:
            (tmp_path / "run").mkdir()
            left.bind(str(tmp_path / "run" / "control"))
        async with listening(tmp_path) as served:
            (reply,) = await ask(served, b'{"n":1}\n')
        assert reply["ok"]
        assert not served._path.exists()

    asyncio.run(run())


def test_a_root_of_any_length_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    (folder / "run").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as end:
        unixsockets.bind(server, folder / "run" / "control")
        server.listen()
        unixsockets.connect(end, folder / "run" / "control")


def test_names_come_from_the_local_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0::/root:/bin/sh\nbroken\n+::::::\nann:x:7:7::/:/\n")
    (tmp_path / "group").write_text("clpcore:x:77:ann\nodd:x:no:\n")
    monkeypatch.setattr(accounts, "_USERS", tmp_path / "passwd")
    monkeypatch.setattr(accounts, "_GROUPS", tmp_path / "group")
    assert [accounts.user_name(uid) for uid in (0, 7, 8)] == ["root", "ann", "#8"]
    assert [accounts.group_id(name) for name in ("clpcore", "odd", "none")] == [77, None, None]
    monkeypatch.setattr(accounts, "_USERS", tmp_path / "nothing")
    assert accounts.user_name(0) == "#0"
