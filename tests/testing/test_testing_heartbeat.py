"""A right heartbeat driver passes; each wrong one is caught, by the rule that it breaks."""

from __future__ import annotations

import base64
from collections.abc import Callable

import attrs
import pytest

from clpcore import api
from clpcore.testing import HeartbeatSuite, Request, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]

WITNESS = "https://witness.example/"


@attrs.frozen
class Config:
    """It has no settings."""


@attrs.define
class Path:
    """Frames in letter boxes of a witness."""

    me: str
    ports: api.Ports
    closed: bool = False

    async def send(self, server: str, frame: bytes) -> None:
        await self._ask("POST", server, frame)

    async def receive(self) -> bytes:
        while not (body := await self._ask("GET", self.me)):
            await self.ports.sleep(100)
        return self.decoded(body)

    async def close(self) -> None:
        self.closed = True

    async def _ask(self, method: str, box: str, frame: bytes = b"") -> bytes:
        if self.closed:
            raise api.Failed("the path is closed")
        answer = await self.ports.http(
            method, f"{WITNESS}{box}", body=self.encoded(frame), timeout=1_000
        )
        if answer.status != 200:
            raise api.Failed(f"the witness answers {answer.status}")
        return answer.body

    def encoded(self, frame: bytes) -> bytes:
        return base64.b64encode(frame)

    def decoded(self, body: bytes) -> bytes:
        try:
            return base64.b64decode(body, validate=True)
        except ValueError as error:
            raise api.Failed(f"the witness gives no frame: {error}") from error


@attrs.frozen
class Right:
    config: Config

    async def open(self, call: api.Call, ports: api.Ports) -> api.Link:
        return Path(call.server, ports)


def machine() -> World:
    world = World(facts={"boxes": {}})

    def witness(request: Request) -> bytes:
        box = world.facts["boxes"].setdefault(request.url, [])
        if request.method == "POST":
            box.append(request.body)
            return b"ok"
        return box.pop(0) if box else b""

    world.sites[WITNESS] = witness
    return world


def suite_of(driver: Callable[[Config], api.HeartbeatDriver]) -> type[HeartbeatSuite]:
    class Kit(HeartbeatSuite):
        spec = api.DriverSpec(
            kind=api.Kind.HEARTBEAT,
            name="acmehb",
            api=api.API,
            summary="Heartbeats through a witness.",
            config=Config,
            make=driver,
        )

        def world(self) -> World:
            return machine()

    return Kit


def test_a_right_driver_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class ReadsText(Path):
    def encoded(self, frame: bytes) -> bytes:
        return frame.decode(errors="replace").encode()

    def decoded(self, body: bytes) -> bytes:
        return body


class ReadsTheWrongBox(Path):
    async def receive(self) -> bytes:
        return await Path("node3", self.ports).receive()


class StaysOpen(Path):
    async def close(self) -> None:
        pass


class ClosesOnce(Path):
    async def close(self) -> None:
        if self.closed:
            raise api.Failed("it is closed")
        await super().close()


class HasABug(Path):
    async def _ask(self, method: str, box: str, frame: bytes = b"") -> bytes:
        body = await super()._ask(method, box, frame)
        if method == "POST":
            assert body == b"ok"
        return body


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (ReadsText, rules.FRAMES_ARRIVE),
        (ReadsTheWrongBox, rules.FRAMES_ARRIVE),
        (StaysOpen, rules.LINK_CLOSES),
        (ClosesOnce, rules.LINK_CLOSES),
        (HasABug, rules.NO_BUG),
    ],
)
def test_a_wrong_driver_is_caught(
    path: type[Path], rule: rules.Rule, complaints: Complaints
) -> None:
    class Wrong(Right):
        async def open(self, call: api.Call, ports: api.Ports) -> api.Link:
            return path(call.server, ports)

    found = complaints(suite_of(Wrong))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found
