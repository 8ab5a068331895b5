"""Two servers hear each other, and nobody else: keys, replays, floods, ports in use."""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import pytest

from clpcore import messages
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation, View
from clpcore.model.inputs import GotLetter, HeardBeat
from clpcore.model.members import Heartbeat, Server
from clpcore.model.peer import Beat, Bye
from clpcore.model.ports import HEARTBEAT_UDP, ORDERS_TCP
from clpcore.model.reasons import Because
from clpcore.model.states import Phase
from clpcore.runtime import attempts
from clpcore.runtime.links import network as network_module
from clpcore.runtime.links.driven import DrivenPath, OpenDriven
from clpcore.runtime.links.network import Network
from clpcore.runtime.links.newest import Newest
from clpcore.runtime.links.sessions import Credentials
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.workers.paths import NoPath, Receive
from clpcore.wire import keys
from clpcore.wire.hello import Identity

Until = Callable[[Callable[[], object]], Awaitable[None]]


def beat(boot: int, **changes: object) -> Beat:
    one = Beat(
        boot_id=f"boot-{boot}",
        phase=Phase.ONLINE,
        join=1,
        view=View(),
        hears=(),
        held=(),
        report=0,
    )
    return attrs.evolve(one, **changes)  # type: ignore[arg-type]


@attrs.define
class End:
    network: Network
    troubles: Troubles
    heard: list[HeardBeat | GotLetter]
    told: list[Because]

    def has_heard(self, count: int) -> bool:
        return len(self.heard) == count

    @property
    def links(self) -> set[str]:
        return {each.link for each in self.heard if isinstance(each, HeardBeat)}


async def _no_path(heartbeat: Heartbeat, _receive: Receive) -> DrivenPath:
    raise NoPath(f"{heartbeat.type} is not installed")


@asynccontextmanager
async def opened(
    config: ClusterConfig,
    me: str,
    ring: keys.KeyRing,
    *,
    boot: int = 1,
    run: Path | None = None,
    driven: OpenDriven = _no_path,
) -> AsyncIterator[End]:
    heard: list[HeardBeat | GotLetter] = []
    told: list[Because] = []
    troubles = Troubles(told.append)
    identity = Identity(me, Incarnation(Boot(boot, f"boot-{boot}"), 1))
    credentials = Credentials(me=identity, ring=ring, cluster=config.name)
    others = [name for name in config.server_names if name != me]
    with tempfile.TemporaryDirectory() as folder:
        newest = Newest.opened((run or Path(folder)) / "newest", others)
    network = Network(config, credentials, troubles, newest, heard.append, _take_none, driven)
    network.open()
    try:
        yield End(network, troubles, heard, told)
    finally:
        await network.close()
        await asyncio.sleep(0.01)


def _take_none(sender: str, word: object) -> None:
    raise AssertionError(f"{sender} said {word}")


def address_of(config: ClusterConfig, server: str) -> str:
    return config.server_by_name[server].interconnect[0]


@pytest.fixture
def config(address: Callable[[], str]) -> ClusterConfig:
    """Two servers with two interconnects, used in the opposite order by the heartbeats."""
    return ClusterConfig(
        name="test",
        heartbeat_interval=20,
        servers=tuple(
            Server(name=name, priority=number, interconnect=(address(), address()))
            for number, name in enumerate(("node1", "node2"), start=1)
        ),
        heartbeats=(
            Heartbeat(name="lanhb2", type="lanhb", settings={"interconnect": 2}),
            Heartbeat(name="lanhb1", type="lanhb", settings={"interconnect": 1}),
        ),
    )


def test_heartbeats_come_over_every_link_with_sender_and_life(
    config: ClusterConfig, ring: keys.KeyRing, until: Until
) -> None:
    async def run() -> None:
        async with (
            opened(config, "node1", ring) as one,
            opened(config, "node2", ring, boot=7) as two,
        ):
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            two.network.beat(beat(7))
            await until(lambda: one.links == {"lanhb1", "lanhb2"})
        heard = one.heard[0]
        assert isinstance(heard, HeardBeat)
        assert (heard.sender, heard.beat) == ("node2", beat(7))
        assert heard.incarnation == Incarnation(Boot(7, "boot-7"), 1)
        assert one.network.complaints.counts == {}

    asyncio.run(run())


def test_each_link_has_the_interconnect_of_its_settings(config: ClusterConfig) -> None:
    paths = network_module.heartbeat_paths(config, "node1")
    mine = config.server_by_name["node1"].interconnect
    theirs = config.server_by_name["node2"].interconnect
    assert [(path.name, path.mine, path.others) for path in paths] == [
        ("lanhb2", mine[1], {"node2": theirs[1]}),
        ("lanhb1", mine[0], {"node2": theirs[0]}),
    ]


def test_letters_go_both_ways(config: ClusterConfig, ring: keys.KeyRing, until: Until) -> None:
    async def run() -> None:
        async with opened(config, "node1", ring) as one, opened(config, "node2", ring) as two:
            one.network.send("node2", Bye(1))
            two.network.send("node1", Bye(2))
            await until(lambda: one.heard and two.heard)
            assert one.network.status["sessions"] == ["node2"]
        (got,) = two.heard
        assert isinstance(got, GotLetter)
        assert (got.sender, got.letter) == ("node1", Bye(1))
        assert got.incarnation == Incarnation(Boot(1, "boot-1"), 1)

    asyncio.run(run())


def test_a_heartbeat_that_says_the_same_is_read_once(
    config: ClusterConfig, ring: keys.KeyRing, until: Until
) -> None:
    async def run() -> None:
        async with opened(config, "node1", ring) as one, opened(config, "node2", ring) as two:
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            for number, said in enumerate((beat(1), beat(1), beat(1, report=5)), start=1):
                two.network.beat(said)
                await until(partial(one.has_heard, 2 * number))
        beats = [each.beat for each in one.heard if isinstance(each, HeardBeat)]
        assert [each.report for each in beats if each.report] == [5, 5]
        assert len({id(each) for each in beats}) == 2

    asyncio.run(run())


def test_another_key_is_not_heard(config: ClusterConfig, until: Until) -> None:
    async def run() -> None:
        ours = keys.KeyRing((keys.Key("id", b"k" * keys.KEY_SIZE),))
        theirs = keys.KeyRing((keys.Key("id", b"x" * keys.KEY_SIZE),))
        async with opened(config, "node1", ours) as one, opened(config, "node2", theirs) as two:
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            two.network.beat(beat(1))
            await until(lambda: one.network.complaints.counts.get("forged", 0) >= 2)
            (trouble,) = one.troubles.now.values()
            assert trouble == messages.because("pm509", server="node2", reason="forged")
        assert one.heard == []

    asyncio.run(run())


def test_a_replayed_heartbeat_is_not_heard_again_on_any_link(
    config: ClusterConfig, ring: keys.KeyRing, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with opened(config, "node1", ring) as one, opened(config, "node2", ring) as two:
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            link = two.network._links["lanhb1"]
            recorded: list[bytes] = []
            monkeypatch.setattr(link, "send", recorded.append)
            two.network.beat(beat(1))
            monkeypatch.undo()
            for _ in range(3):
                link.send(recorded[0])
            await until(lambda: one.network.complaints.counts.get("replayed") == 2)
            two.network._links["lanhb2"].send(recorded[0])
            await until(lambda: one.network.complaints.counts.get("replayed") == 3)
        assert sorted(each.link for each in one.heard if isinstance(each, HeardBeat)) == [
            "lanhb1",
            "lanhb2",
        ]

    asyncio.run(run())


def test_what_was_recorded_of_this_very_life_is_not_heard_by_a_restarted_agent(
    config: ClusterConfig,
    ring: keys.KeyRing,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The first agent heard the middle one of three: the older one may be played to the second."""

    async def run() -> None:
        async with opened(config, "node2", ring) as two:
            link = two.network._links
            await until(lambda: len(link) == 2)
            recorded: list[bytes] = []
            for each in link.values():
                monkeypatch.setattr(each, "send", recorded.append)
            two.network.beat(beat(1))
            two.network.beat(beat(1))
            monkeypatch.undo()
            async with opened(config, "node1", ring, run=tmp_path) as one:
                await until(lambda: len(one.network._links) == 2)
                link["lanhb1"].send(recorded[2])
                await until(partial(one.has_heard, 1))
            # Killed, or left: nothing was said to anybody.
            async with opened(config, "node1", ring, run=tmp_path) as again:
                await until(lambda: len(again.network._links) == 2)
                for datagram in recorded[:3]:
                    link["lanhb1"].send(datagram)
                await until(lambda: again.network.complaints.counts.get("replayed") == 3)
                assert again.heard == []
                link["lanhb1"].send(recorded[3])
                await until(partial(again.has_heard, 1))

    asyncio.run(run())


def test_what_an_older_boot_sealed_is_not_heard_by_a_restarted_agent(
    config: ClusterConfig, ring: keys.KeyRing, until: Until
) -> None:
    async def run() -> None:
        async with (
            opened(config, "node1", ring) as one,
            opened(config, "node2", ring, boot=3) as two,
        ):
            one.network.remember({"node2": 4, "gone": 1})
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            two.network.beat(beat(3))
            await until(lambda: one.network.complaints.counts.get("old incarnation") == 2)
        assert one.heard == []

    asyncio.run(run())


def test_a_flood_of_garbage_hides_no_heartbeat(
    config: ClusterConfig, ring: keys.KeyRing, until: Until, address: Callable[[], str]
) -> None:
    async def run() -> None:
        async with opened(config, "node1", ring) as one, opened(config, "node2", ring) as two:
            await until(lambda: len(one.network._links) == len(two.network._links) == 2)
            target = (address_of(config, "node1"), HEARTBEAT_UDP)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind((address(), 0))
                for number in range(100):
                    for _ in range(100):
                        stranger.sendto(b"CLP\x01" + b"x" * 100, target)
                    two.network.beat(beat(1, report=number))
                    await asyncio.sleep(0)
            await until(lambda: len(one.heard) == 200)
        assert set(one.network.complaints.counts) <= {"truncated", "unknown sender"}

    asyncio.run(run())


def test_a_port_in_use_is_told_once_and_taken_when_it_is_free(
    config: ClusterConfig, ring: keys.KeyRing, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_AGAIN", 0.02)

    async def run() -> None:
        address = address_of(config, "node1")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.create_server((address, ORDERS_TCP)),
        ):
            udp.bind((address, HEARTBEAT_UDP))
            async with opened(config, "node1", ring) as one, opened(config, "node2", ring) as two:
                await until(lambda: len(one.troubles.now) == 2)
                two.network.beat(beat(1))
                await until(lambda: one.links == {"lanhb2"})  # the other path goes on
                udp.close()
                await until(lambda: len(one.network._links) == 2)
                two.network.beat(beat(1))
                await until(lambda: one.links == {"lanhb1", "lanhb2"})
        texts = [f"{reason.key} {dict(reason.args)['what']}" for reason in one.told]
        assert sorted(texts) == [
            f"pm504 TCP {address}:29001",
            f"pm504 UDP {address}:29002",
            f"pm505 UDP {address}:29002",
        ]
        assert dict(one.told[0].args)["reason"] == "another program uses it"

    asyncio.run(run())
