"""Sessions between servers: found, kept, replaced; strangers and stuck peers harm nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest

from clpcore.model.ids import Boot, Incarnation
from clpcore.model.peer import AskReport, Bye, Challenge, Letter
from clpcore.model.revisions import Dispatch
from clpcore.runtime.links import connection as connection_module
from clpcore.runtime.links import sessions as sessions_module
from clpcore.runtime.links.complaints import Complaints
from clpcore.runtime.links.heartbeats import Path
from clpcore.runtime.links.sessions import Credentials, Sessions
from clpcore.wire import keys
from clpcore.wire.hello import Identity

PORT = 29001
Until = Callable[[Callable[[], object]], Awaitable[None]]


@attrs.define
class End:
    """One server's end: its sessions, and what they heard."""

    sessions: Sessions
    complaints: Complaints
    letters: list[tuple[str, int, Letter | Dispatch]] = attrs.field(factory=list)
    met: list[Identity] = attrs.field(factory=list)


Make = Callable[..., End]


@pytest.fixture
def addresses(address: Callable[[], str]) -> dict[str, list[str]]:
    """Two interconnects of two servers."""
    return {name: [address(), address()] for name in ("node1", "node2")}


@pytest.fixture
def make(addresses: dict[str, list[str]], ring: keys.KeyRing) -> Make:
    def build(name: str, *, boot: int = 1, ring: keys.KeyRing = ring, timeout: int = 1_000) -> End:
        (other,) = set(addresses) - {name}
        paths = [
            Path(f"path {n}", mine, {other: theirs})
            for n, (mine, theirs) in enumerate(zip(addresses[name], addresses[other], strict=True))
        ]
        me = Identity(name, Incarnation(Boot(boot, f"boot-{boot}"), 1))
        credentials = Credentials(me=me, ring=ring, cluster="test")
        letters: list[tuple[str, int, Letter | Dispatch]] = []
        met: list[Identity] = []
        complaints = Complaints()
        sessions = Sessions(
            credentials,
            paths,
            complaints,
            user_timeout=timeout,
            receive=lambda sender, inc, letter: letters.append((sender, inc.boot.counter, letter)),
            meet=met.append,
        )
        return End(sessions, complaints, letters, met)

    return build


@asynccontextmanager
async def listening(end: End, *addresses: str) -> AsyncIterator[End]:
    servers = [await end.sessions.listen(address) for address in addresses]
    end.sessions.start()
    try:
        yield end
    finally:
        for server in servers:
            server.close()
        end.sessions.close()
        await asyncio.sleep(0.01)  # let the transports close


async def test_letters_go_both_ways(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1"), make("node2", boot=7)
    async with (
        listening(two, addresses["node2"][0]),
        listening(one, addresses["node1"][0]),
    ):
        await until(lambda: one.sessions.peers and two.sessions.peers)
        for number in range(50):
            one.sessions.send("node2", Bye(number))
            two.sessions.send("node1", Bye(number))
        await until(lambda: len(one.letters) == len(two.letters) == 50)
    assert one.letters == [("node2", 7, Bye(number)) for number in range(50)]
    assert one.met == [Identity("node2", Incarnation(Boot(7, "boot-7"), 1))]
    assert one.complaints.counts == two.complaints.counts == {}


async def test_a_letter_just_before_the_session_stands_is_not_lost(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1"), make("node2")
    two.sessions.send("node1", AskReport())
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: one.letters)


async def test_a_letter_that_waited_too_long_is_forgotten(
    make: Make, addresses: dict[str, list[str]], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make("node1"), make("node2")
    monkeypatch.setattr(sessions_module, "_EARLY", -1)
    two.sessions.send("node1", AskReport())
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: two.sessions.peers)
        two.sessions.send("node1", Bye(1))
        await until(lambda: one.letters)
    assert one.letters == [("node2", 1, Bye(1))]


async def test_the_second_interconnect_serves_when_the_first_does_not(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1"), make("node2")
    async with listening(two, addresses["node2"][1]), listening(one):
        await until(lambda: one.sessions.peers)


async def test_a_sign_of_life_makes_it_call_at_once(
    make: Make,
    addresses: dict[str, list[str]],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions_module, "_PAUSE_MOST", 3_600)
    one, two = make("node1"), make("node2")
    async with listening(one):
        await asyncio.sleep(0.3)  # its pauses are long by now
        async with listening(two, addresses["node2"][0]):
            one.sessions.wake("node2")
            await until(lambda: one.sessions.peers)


async def test_a_server_that_comes_back_gets_a_new_session(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, old, new = make("node1"), make("node2", boot=1), make("node2", boot=2)
    async with listening(one):
        async with listening(old, addresses["node2"][0]):
            await until(lambda: one.sessions.peers)
        await until(lambda: not one.sessions.peers)
        async with listening(new, addresses["node2"][0]):
            await until(lambda: one.sessions.peers)
            new.sessions.send("node1", Bye(2))
            await until(lambda: one.letters)
    assert one.letters == [("node2", 2, Bye(2))]


async def test_a_wrong_key_gets_no_session_and_is_counted_on_both_sides(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    other = keys.parse(keys.generate(b"x" * keys.KEY_SIZE).encode(), "other")
    same_id = keys.KeyRing((keys.Key("id", b"x" * keys.KEY_SIZE),))
    ours = keys.KeyRing((keys.Key("id", b"k" * keys.KEY_SIZE),))
    for theirs, words in (
        (other, ("no handshake", "unknown key")),
        (same_id, ("forged", "no handshake")),
    ):
        one, two = make("node1", ring=theirs), make("node2", ring=ours)
        async with listening(two, addresses["node2"][0]), listening(one):
            await until(partial(heard_of, one.complaints, words[0]))
            await until(partial(heard_of, two.complaints, words[1]))
            assert not one.sessions.peers
            assert not two.sessions.peers


def heard_of(complaints: Complaints, reason: str) -> bool:
    return reason in complaints.counts


def _connect(address: str, source: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection((address, PORT), timeout=3, source_address=(source, 0))
    sock.setblocking(False)
    return sock


async def test_strangers_are_dropped_and_counted_and_harm_nobody(
    make: Make,
    addresses: dict[str, list[str]],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "_HANDSHAKE", 0.3)
    one, two = make("node1"), make("node2")
    address = addresses["node2"][0]
    async with listening(two, address), listening(one):
        await until(lambda: two.sessions.peers)
        with contextlib.ExitStack() as stack:
            for garbage in (
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",  # its length is beyond all limits
                b"\0\0\0\x20" + b"x" * 32,
                b"",
                b"\0\0",
            ):
                sock = stack.enter_context(_connect(address))
                sock.send(garbage)
            await until(lambda: two.complaints.counts.get("no handshake") == 2)
            await until(lambda: two.complaints.counts.get("oversize") == 1)
            await until(lambda: two.complaints.counts.get("foreign") == 1)
        two.sessions.send("node1", Bye(1))
        await until(lambda: one.letters)


async def test_a_crowd_of_strangers_does_not_keep_a_server_out(
    make: Make,
    addresses: dict[str, list[str]],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions_module, "_STRANGERS", 4)
    one, two = make("node1"), make("node2")
    address = addresses["node2"][0]
    async with listening(two, address):
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(_connect(address))
            await until(lambda: two.complaints.counts.get("too many strangers") == 16)
            assert len(two.sessions._unproven) == 4
            async with listening(one):
                await until(lambda: two.sessions.peers)


async def test_strangers_never_push_out_a_caller_from_the_address_of_a_server(
    make: Make,
    addresses: dict[str, list[str]],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    address: Callable[[], str],
) -> None:
    monkeypatch.setattr(sessions_module, "_STRANGERS", 4)
    monkeypatch.setattr(sessions_module, "_OF_ONE_ADDRESS", 3)
    two = make("node2")
    target, server, greedy = addresses["node2"][0], addresses["node1"][0], address()
    sources = [server, *[address() for _ in range(5)], *[greedy] * 5]

    def unproven(source: str) -> int:
        return list(two.sessions._unproven.values()).count(source)

    async with listening(two, target):
        with contextlib.ExitStack() as stack:
            for source in sources:
                stack.enter_context(_connect(target, source))
            await until(lambda: two.complaints.counts.get("too many strangers") == 6)
            assert len(two.sessions._unproven) == 5
            assert (unproven(server), unproven(greedy)) == (1, 3)
            for _ in range(5):
                stack.enter_context(_connect(target, server))
            await until(lambda: two.complaints.counts.get("too many strangers") == 9)
            assert (unproven(server), unproven(greedy)) == (3, 3)


async def test_a_peer_that_does_not_read_costs_letters_and_no_memory(
    make: Make,
    addresses: dict[str, list[str]],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "_WAITING", 10)
    one, two = make("node1", timeout=60_000), make("node2", timeout=60_000)
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: two.sessions.peers)
        (stuck,) = one.sessions._open.values()
        assert stuck._transport is not None
        stuck._transport.pause_reading()
        large = Challenge(("x" * 100_000,))
        number = 0
        while not two.complaints.counts.get("stuck peer"):
            number += 1
            two.sessions.send("node1", large)
            await asyncio.sleep(0)
            assert number < 1_000
        two.sessions.send("node1", Bye(9))
        stuck._transport.resume_reading()
        await until(lambda: one.letters and one.letters[-1][2] == Bye(9))
        assert len(one.letters) < number + 1, "the oldest were dropped"


async def test_a_peer_that_takes_no_data_is_given_up(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1"), make("node2", timeout=300)
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: two.sessions.peers)
        (stuck,) = one.sessions._open.values()
        (given_up,) = two.sessions._open.values()
        assert stuck._transport is not None
        stuck._transport.pause_reading()
        for _ in range(100):
            two.sessions.send("node1", Challenge(("x" * 100_000,)))
        await until(given_up.ended.done)


async def test_the_last_letters_arrive(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1"), make("node2")
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: one.sessions.peers and two.sessions.peers)
        for _ in range(30):
            one.sessions.send("node2", Challenge(("x" * 100_000,)))
        one.sessions.send("node2", Bye(1))
        await one.sessions.finish(3)
        assert two.letters[-1] == ("node1", 1, Bye(1))
        one.sessions.send("node2", Bye(2))  # too late, and no harm


async def test_a_farewell_does_not_wait_for_a_peer_that_hangs(
    make: Make, addresses: dict[str, list[str]], until: Until
) -> None:
    one, two = make("node1", timeout=60_000), make("node2", timeout=60_000)
    async with listening(two, addresses["node2"][0]), listening(one):
        await until(lambda: one.sessions.peers and two.sessions.peers)
        (hung,) = two.sessions._open.values()
        assert hung._transport is not None
        hung._transport.pause_reading()
        async with asyncio.timeout(3):
            await one.sessions.finish(0.2)
