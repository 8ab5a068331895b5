"""Paths of plugins carry the same sealed frames, are links of their own, and are lost alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation, View
from clpcore.model.inputs import GotLetter, HeardBeat
from clpcore.model.members import Heartbeat
from clpcore.model.peer import Beat
from clpcore.model.reasons import Because
from clpcore.model.states import Phase
from clpcore.runtime.links import driven as driven_module
from clpcore.runtime.links.network import Network
from clpcore.runtime.links.newest import Newest
from clpcore.runtime.links.sessions import Credentials
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.workers.paths import NoPath, Receive
from clpcore.wire import keys
from clpcore.wire.hello import Identity

Until = Callable[[Callable[[], object]], Awaitable[None]]

BEAT = Beat(
    boot_id="boot-1",
    phase=Phase.ONLINE,
    join=1,
    view=View(),
    hears=(),
    held=(),
    report=0,
)


@attrs.define
class Witness:
    """Carries frames between the servers of a test, and can be taken away."""

    there: bool = True
    paths: list[Path_] = attrs.field(factory=list)
    frames: list[bytes] = attrs.field(factory=list)
    tries: int = 0

    async def open(self, _heartbeat: Heartbeat, receive: Receive) -> Path_:
        self.tries += 1
        if not self.there:
            raise NoPath("the witness is gone")
        path = Path_(self, receive)
        self.paths.append(path)
        return path

    def go(self) -> None:
        self.there = False
        for path in self.paths:
            path.ended.set_result("the witness has gone")
        self.paths.clear()


@attrs.define(eq=False)
class Path_:  # noqa: N801 - not pathlib's
    witness: Witness
    receive: Receive
    ended: asyncio.Future[str] = attrs.field(
        factory=lambda: asyncio.get_running_loop().create_future()
    )

    def send(self, frame: bytes, /) -> None:
        self.witness.frames.append(frame)
        for path in self.witness.paths:
            if path is not self:
                path.receive(frame)

    def drain(self) -> None: ...

    def close(self) -> None:
        if self in self.witness.paths:
            self.witness.paths.remove(self)


@attrs.define
class End:
    network: Network
    heard: list[HeardBeat | GotLetter]
    told: list[Because]

    @property
    def links(self) -> list[str]:
        return sorted({one.link for one in self.heard if isinstance(one, HeardBeat)})


@asynccontextmanager
async def opened(
    config: ClusterConfig, me: str, ring: keys.KeyRing, witness: Witness, run: Path
) -> AsyncIterator[End]:
    heard: list[HeardBeat | GotLetter] = []
    told: list[Because] = []
    identity = Identity(me, Incarnation(Boot(1, "boot-1"), 1))
    others = [name for name in config.server_names if name != me]
    network = Network(
        config,
        Credentials(me=identity, ring=ring, cluster=config.name),
        Troubles(told.append),
        Newest.opened(run / me, others),
        heard.append,
        lambda *_: None,
        witness.open,
    )
    network.open()
    try:
        yield End(network, heard, told)
    finally:
        await network.close()
        await asyncio.sleep(0.01)


@pytest.fixture
def config(config: ClusterConfig) -> ClusterConfig:
    """Two servers that hear each other by LAN, and by a witness."""
    witness = Heartbeat(name="witnesshb1", type="witnesshb")
    return attrs.evolve(config, heartbeats=(*config.heartbeats, witness))


async def test_its_frames_are_heard_as_a_link_of_its_own(
    config: ClusterConfig, ring: keys.KeyRing, until: Until, tmp_path: Path
) -> None:
    witness = Witness()
    async with (
        opened(config, "node1", ring, witness, tmp_path) as one,
        opened(config, "node2", ring, witness, tmp_path) as two,
    ):
        await until(lambda: len(one.network._links) == len(two.network._links) == 2)
        assert one.network.status["links"] == ["lanhb1", "witnesshb1"]
        two.network.beat(BEAT)
        await until(lambda: one.links == ["lanhb1", "witnesshb1"])
        assert {heard.sender for heard in one.heard if isinstance(heard, HeardBeat)} == {"node2"}
        # What was heard by LAN was sealed apart: it cannot be played by the witness.
        assert len(one.heard) == 2


async def test_a_witness_cannot_forge_or_repeat_a_heartbeat(
    config: ClusterConfig, ring: keys.KeyRing, until: Until, tmp_path: Path
) -> None:
    witness = Witness()
    config = attrs.evolve(config, heartbeats=config.heartbeats[1:])
    async with (
        opened(config, "node1", ring, witness, tmp_path) as one,
        opened(config, "node2", ring, witness, tmp_path) as two,
    ):
        await until(lambda: len(witness.paths) == 2)
        two.network.beat(BEAT)
        assert len(one.heard) == 1
        (frame,) = witness.frames
        forged = frame[:-1] + bytes([frame[-1] ^ 1])
        for bad in (frame, forged, b"x" * 60, b""):
            witness.paths[0].receive(bad)
        assert len(one.heard) == 1
        assert one.network.complaints.counts == {
            "foreign": 1,
            "forged": 1,
            "replayed": 1,
            "truncated": 1,
        }


async def test_it_is_lost_alone_told_and_opened_again(
    config: ClusterConfig,
    ring: keys.KeyRing,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driven_module, "_AGAIN_FIRST", 0.01)
    monkeypatch.setattr(driven_module, "_AGAIN_LEAST", 0.02)
    witness = Witness()
    async with (
        opened(config, "node1", ring, witness, tmp_path) as one,
        opened(config, "node2", ring, witness, tmp_path) as two,
    ):
        await until(lambda: len(one.network._links) == len(two.network._links) == 2)
        witness.go()
        await until(lambda: witness.tries >= 8)
        two.network.beat(BEAT)
        await until(lambda: one.links == ["lanhb1"])
        witness.there = True
        await until(lambda: len(one.network._links) == len(two.network._links) == 2)
        two.network.beat(BEAT)
        await until(lambda: one.links == ["lanhb1", "witnesshb1"])
    told = [(reason.key, dict(reason.args).get("reason")) for reason in one.told]
    assert told == [
        ("pm532", "the witness has gone"),
        ("pm532", "the witness is gone"),
        ("pm533", None),
    ]
