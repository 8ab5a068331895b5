"""Heartbeat sockets: connected to peers, closed to floods, and owners of their port."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from clpcore.runtime.links import heartbeats
from clpcore.runtime.links.heartbeats import Link, Path

PORT = 29002
Until = Callable[[Callable[[], object]], Awaitable[None]]
Got = list[tuple[str, bytes]]


@pytest.fixture
def paths(address: Callable[[], str]) -> tuple[Path, Path]:
    one, other = address(), address()
    return Path("lanhb1", one, {"node2": other}), Path("lanhb1", other, {"node1": one})


@contextmanager
def link(path: Path, got: Got) -> Iterator[Link]:
    opened = Link(path, lambda name, _source, datagram: got.append((name, datagram)))
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def udp(address: str, *, reuse: bool = False) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        sock.bind((address, PORT))
        yield sock


def test_what_one_sends_the_other_gets(paths: tuple[Path, Path], until: Until) -> None:
    async def run() -> None:
        got: Got = []
        with link(paths[0], []) as mine, link(paths[1], got):
            mine.send(b"beat")
            await until(lambda: got)
        assert got == [("lanhb1", b"beat")]

    asyncio.run(run())


def test_a_peer_that_does_not_listen_yet_does_not_matter(
    paths: tuple[Path, Path], until: Until
) -> None:
    async def run() -> None:
        got: Got = []
        with link(paths[0], []) as mine:
            for _ in range(3):  # each is answered by "port unreachable"
                mine.send(b"lost")
                await asyncio.sleep(0)
            with link(paths[1], got):
                mine.send(b"heard")
                await until(lambda: got)
        assert got == [("lanhb1", b"heard")]

    asyncio.run(run())


@pytest.mark.parametrize("reuse", [False, True])
def test_a_port_in_use_is_found_out(paths: tuple[Path, Path], *, reuse: bool) -> None:
    async def run() -> None:
        with udp(paths[0].mine, reuse=reuse), pytest.raises(OSError, match="in use"):
            Link(paths[0], lambda *_: None)
        with link(paths[0], []):
            pass

    asyncio.run(run())


@pytest.mark.parametrize("reuse", [False, True])
def test_nobody_joins_our_port(paths: tuple[Path, Path], *, reuse: bool) -> None:
    async def run() -> None:
        with link(paths[0], []):
            with pytest.raises(OSError, match="in use"), udp(paths[0].mine, reuse=reuse):
                pass
            with pytest.raises(OSError, match="in use"):  # a second agent of this server
                Link(paths[0], lambda *_: None)

    asyncio.run(run())


def test_an_address_of_another_machine_is_found_out() -> None:
    async def run() -> None:
        with pytest.raises(OSError, match="assign") as raised:
            Link(Path("lanhb1", "192.0.2.1", {"node2": "192.0.2.2"}), lambda *_: None)
        assert raised.value.errno == errno.EADDRNOTAVAIL

    asyncio.run(run())


def test_a_flood_of_strangers_is_looked_at_a_little_and_delays_no_peer(
    paths: tuple[Path, Path], address: Callable[[], str], until: Until
) -> None:
    async def run() -> None:
        got: Got = []
        with link(paths[0], got), link(paths[1], []) as peer, udp(address()) as stranger:
            for number in range(5_000):
                stranger.sendto(b"garbage", (paths[0].mine, PORT))
                if number % 50 == 0:
                    peer.send(b"beat")
                    await asyncio.sleep(0)
            await until(lambda: got.count(("lanhb1", b"beat")) == 100)
        assert 0 < got.count(("lanhb1", b"garbage")) < 1_000

    asyncio.run(run())


def test_a_flood_from_a_peers_address_leaves_time_for_others(
    paths: tuple[Path, Path], until: Until
) -> None:
    async def run() -> None:
        got: Got = []
        with link(paths[0], got), link(paths[1], []) as peer:
            for _ in range(heartbeats._AT_ONCE + 10):
                peer.send(b"x")
            await until(lambda: len(got) == heartbeats._AT_ONCE)
            turns = 0
            while len(got) == heartbeats._AT_ONCE:
                turns += 1
                await asyncio.sleep(0)
            assert turns > 10
            await until(lambda: len(got) == heartbeats._AT_ONCE + 10)

    asyncio.run(run())


def test_what_waits_can_be_read_at_once(paths: tuple[Path, Path]) -> None:
    async def run() -> None:
        got: Got = []
        with link(paths[0], got) as mine, link(paths[1], []) as peer:
            peer.send(b"beat")
            mine.drain()
        assert got == [("lanhb1", b"beat")]

    asyncio.run(run())
