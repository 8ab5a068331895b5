"""Both drivers keep the rules of the kit; the arbiter in memory, and on loopback with its disk."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from clpcore.testing import ArbiterSuite, HeartbeatSuite, World
from clpcore_witness import arbiter, heartbeat, keyfile, transport
from clpcore_witness.service import ledger
from clpcore_witness.service.arbiter import Arbiter
from clpcore_witness.service.config import Config
from clpcore_witness.service.desk import Desk
from clpcore_witness.service.frames import Frames
from clpcore_witness.service.visits import Visits
from clpcore_witness.service.web import Answer, Request
from clpcore_witness.transport import Answered, Question, Where

KEY = keyfile.Key("Cluster1", "id1", b"witness-test-secret-of-32-bytes!")
KEY_FILE = "/etc/clpcore/witness.key"
SECRET = base64.b64encode(KEY.secret).decode()


class _Place(Protocol):
    folder: Path
    config: Config


class MemoryLedger:
    """A ledger on a disk that is always at once."""

    entries: tuple[Any, ...] = ()
    settled = None

    def rewrite(self, snapshot: Callable[[], Iterable[Any]]) -> None:
        self.snapshot = snapshot

    def put(self, _entry: object, _undo: Callable[[], None]) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Hasty(Frames):
    """Never waits: nobody can post meanwhile."""

    async def get(self, cluster: str, receiver: str, after: str, wait: float) -> bytes:
        return await super().get(cluster, receiver, after, 0)


def _at_once(answer: Answer | Awaitable[Answer]) -> Answer:
    """Give what a coroutine gives that waits for nothing."""
    if isinstance(answer, Answer):
        return answer
    try:
        answer.__await__().send(None)
    except StopIteration as end:
        said: Answer = end.value
        return said
    raise AssertionError("it waits")


def machine() -> World:
    """A machine that reaches a witness, which is all in memory."""
    world = World(files={KEY_FILE: f"{KEY.cluster} {KEY.id} {SECRET}\n"}, secrets=[SECRET])

    def clock() -> int:
        return world.clock

    visits = Visits(clock)
    visits.accept([KEY])
    its: Any = MemoryLedger()
    desk = Desk(visits, Hasty(clock, 10_000, "run"), Arbiter(its, clock))

    def ask(_: Where, question: Question) -> Answered:
        headers = {"authorization": question.authorization}
        request = Request(question.method, question.target, headers, question.body)
        said = _at_once(desk.handle(request))
        world.facts["stored"] = list(its.snapshot())
        return Answered(said.status, said.body, said.headers.get("Clp-Proof", ""))

    world.facts["stored"] = []
    world.library[transport.ask] = ask
    return world


class TestWitnesshb(HeartbeatSuite):
    spec = heartbeat.SPEC
    settings = {"url": "https://witness.example"}

    def world(self) -> World:
        return machine()


class TestWitness(ArbiterSuite):
    spec = arbiter.SPEC
    settings = {"url": "https://witness.example"}

    def world(self) -> World:
        return machine()


class TestWitnessOnLoopback(ArbiterSuite):
    """The service itself: its sockets, its ledger on a disk; only its clock is the world's."""

    spec = arbiter.SPEC
    settings = {"url": "https://witness.example"}

    @pytest.fixture(autouse=True)
    def _witness(self, place: _Place, run: Callable[..., Any]) -> None:
        self.place, self.start, self.count = place, run, 0

    def world(self) -> World:
        world = machine()
        self.count += 1
        state = self.place.folder / f"state{self.count}"
        ledger.create(state, first=True)
        config = attrs.evolve(self.place.config, state=state)
        running = self.start(lambda: world.clock, config)

        def ask(where: Where, question: Question) -> Answered:
            return transport.ask(attrs.evolve(where, url=running.url), question)

        world.library[transport.ask] = ask
        return world
