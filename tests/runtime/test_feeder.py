"""The watchdog is fed while somebody can vouch for this server, and not a moment longer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from clpcore.model.reasons import Because
from clpcore.runtime import clock
from clpcore.runtime import feeder as feeder_module
from clpcore.runtime.feeder import Feeder, Terms
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.watchdog import WatchdogError

Until = Callable[[Callable[[], object]], Awaitable[None]]

TIMEOUT = 200  # ms


@attrs.define
class Bell:
    """A watchdog that notes when it was fed."""

    name: str = "bell"
    refuses: bool = False
    armed: bool = False
    fed: list[int] = attrs.field(factory=list)
    threads: set[str] = attrs.field(factory=set)

    def arm(self, timeout: int) -> None:
        if self.refuses:
            raise WatchdogError("it is chained")
        self.armed = True
        self.fed.append(clock.now())

    def feed(self) -> None:
        self.fed.append(clock.now())
        self.threads.add(threading.current_thread().name)

    def disarm(self) -> None:
        self.armed = False

    def leave(self) -> None: ...


@attrs.define
class World:
    """A feeder, and what it is told."""

    mark: Path
    timeout: int = TIMEOUT
    until: int | None = None
    bug: bool = False
    bell: Bell = attrs.field(factory=Bell)
    told: list[Because] = attrs.field(factory=list)
    armed: list[bool] = attrs.field(factory=list)

    def ask(self) -> int | None:
        if self.bug:
            raise ArithmeticError("a bug of the core")
        return self.until

    @asynccontextmanager
    async def feeder(self) -> AsyncIterator[Feeder]:
        terms = Terms(
            server="node1",
            timeout=self.timeout,
            until=self.ask,
            mark=self.mark,
            armed=lambda: self.armed.append(True),
        )
        feeder = Feeder(self.bell, terms, Troubles(self.told.append))
        await feeder.arm()
        try:
            yield feeder
        finally:
            await feeder.close()

    async def hungry(self) -> None:
        """Wait until it was not fed for longer than its timeout; fail if that does not come."""
        deadline = time.monotonic() + 5
        while clock.now() - self.bell.fed[-1] <= TIMEOUT:
            assert time.monotonic() < deadline, "it is fed on and on"
            await asyncio.sleep(0.01)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "run" / "armed")


async def test_it_is_fed_from_a_thread_and_disarmed_at_the_end(world: World, until: Until) -> None:
    async with world.feeder() as feeder:
        await until(lambda: world.bell.armed and len(world.bell.fed) > 12)
        gaps = [b - a for a, b in zip(world.bell.fed, world.bell.fed[1:], strict=False)]
        assert max(gaps) < TIMEOUT
        assert world.bell.threads == {"watchdog"}
        assert feeder.state == "armed (bell, 0.2 s)"
        assert world.armed == [True]
        assert list(world.mark.parent.iterdir()) == [world.mark]
    assert not world.bell.armed
    assert not world.mark.exists()
    assert [reason.key for reason in world.told] == ["pm531"]


async def test_it_is_not_fed_beyond_what_the_lease_allows(world: World, until: Until) -> None:
    world.until = clock.now() + 150
    async with world.feeder():
        await world.hungry()
        assert world.bell.fed[-1] <= world.until + 5
        world.until = None  # what it held has stopped
        fed = len(world.bell.fed)
        await until(lambda: len(world.bell.fed) > fed)


async def test_what_is_held_at_the_end_leaves_it_armed(world: World) -> None:
    world.until = clock.now() + 60_000
    async with world.feeder():
        pass
    assert world.bell.armed
    assert world.mark.exists()


async def test_a_loop_that_hangs_starves_it(world: World, until: Until) -> None:
    async with world.feeder():
        await until(lambda: len(world.bell.fed) > 2)
        time.sleep(2.5 * TIMEOUT / 1_000)  # noqa: ASYNC251 - the hang
        assert clock.now() - world.bell.fed[-1] > TIMEOUT
        fed = len(world.bell.fed)
        await until(lambda: len(world.bell.fed) > fed)


async def test_a_loop_that_is_late_does_not_starve_it(world: World) -> None:
    async with world.feeder():
        for _ in range(10):
            time.sleep(TIMEOUT / 4 / 1_000)  # noqa: ASYNC251 - the lateness
            await asyncio.sleep(0.001)
            assert clock.now() - world.bell.fed[-1] < TIMEOUT


async def test_a_core_that_raises_vouches_for_nothing(world: World) -> None:
    async with world.feeder():
        world.bug = True
        await world.hungry()
    assert world.bell.armed


async def test_a_machine_that_should_have_stopped_is_not_fed(world: World) -> None:
    async with world.feeder() as feeder:
        feeder.starve(100)
        begun = clock.now()
        await world.hungry()
        assert world.bell.fed[-1] >= begun
        assert world.bell.fed[-1] <= begun + 105


async def test_without_a_lease_there_is_none(world: World) -> None:
    world.timeout = 0
    async with world.feeder() as feeder:
        assert feeder.state == "not armed"
        await asyncio.sleep(0.05)
    assert world.bell.fed == []
    assert world.told == []


async def test_one_that_another_configuration_left_armed_is_disarmed(world: World) -> None:
    world.timeout = 0
    world.bell.armed = True
    world.mark.parent.mkdir()
    world.mark.touch()
    async with world.feeder():
        assert not world.bell.armed
    assert not world.mark.exists()


async def test_a_lease_that_ended_before_this_agent_began_is_not_fed_by_arming(
    world: World,
) -> None:
    world.until = clock.now() - 1
    async with world.feeder():
        assert world.bell.fed == []


async def test_one_that_cannot_be_armed_is_told_and_tried_again(
    world: World, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder_module, "_AGAIN", 0.01)
    world.bell.refuses = True
    async with world.feeder() as feeder:
        keeping = asyncio.create_task(feeder.keep())
        await until(lambda: world.told)
        assert feeder.state == "not armed"
        world.bell.refuses = False
        await until(lambda: world.bell.armed)
        await keeping
    assert [reason.key for reason in world.told] == ["pm530", "pm531"]
    assert dict(world.told[0].args)["reason"] == "it is chained"
