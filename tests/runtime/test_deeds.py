"""Each action is begun, and what comes of it is told to the core, the operator or the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs
import pytest

from clpcore import api
from clpcore.model.actions import (
    Answer,
    Call,
    Driven,
    Kill,
    Left,
    Observe,
    Probe,
    RaiseBoot,
    Send,
    StopSelf,
)
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Done, Input, Outcome
from clpcore.model.members import Heartbeat
from clpcore.model.peer import Bye, Letter
from clpcore.model.reasons import Because
from clpcore.model.states import Event, FinalAction, Presence, Role, Verdict
from clpcore.runtime.deeds import Deeds, End, Helpers
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.power import NoPower, Power, PowerError
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.workers.paths import NoPath, Receive

Until = Callable[[Callable[[], object]], Awaitable[None]]

CALL = Call(
    event=Event.START,
    role=Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="g",
    resource="r",
)
REBOOT = StopSelf(how=FinalAction.REBOOT, because=Because("nm1"))


@attrs.define
class World:
    """Everybody whom deeds reach."""

    outcome: Outcome | Exception = Outcome(verdict=Verdict.OK)
    happened: list[object] = attrs.field(factory=list)
    starved: list[int] = attrs.field(factory=list)
    name: str = "spy"
    refuses: bool = False

    # the drivers

    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None: ...

    async def close(self) -> None: ...

    async def call(self, action: Driven, config: ClusterConfig) -> Outcome:
        await asyncio.sleep(0)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    async def kill(self, group: str) -> None:
        self.happened.append(f"kill {group}")

    async def open_path(
        self, heartbeat: Heartbeat, call: Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        raise NoPath("nobody opens one here")

    # the others

    def send(self, to: str, letter: Letter) -> None:
        self.happened.append((to, letter))

    def stop(self, how: FinalAction, *, insist: bool = False) -> None:
        self.happened.append((how, insist))
        if self.refuses:
            raise PowerError("it is chained")

    def deeds(self, config: ClusterConfig, power: Power | None = None) -> Deeds:
        feed: Callable[[Input], None] = self.happened.append
        helpers = Helpers(
            drivers=self,
            post=self,
            power=power or self,
            troubles=Troubles(self.happened.append),
            feed=feed,
            answer=self.happened.append,
            end=self.happened.append,
            starve=self.starved.append,
        )
        return Deeds("node1", config, helpers)


def test_letters_answers_and_ends_go_where_they_belong(config: ClusterConfig) -> None:
    world, answer = World(), Answer(request="r", ok=True, because=())
    deeds = world.deeds(config)
    for action in (
        Send(to="node2", letter=Bye(1)),
        answer,
        Left(stay=True),
        Left(stay=False),
        RaiseBoot(3),
    ):
        deeds.perform(action)
    assert world.happened == [("node2", Bye(1)), answer, End.LEFT, End.AGAIN]


def test_the_outcome_of_a_call_names_its_action(config: ClusterConfig, until: Until) -> None:
    async def run() -> None:
        world = World(Outcome(verdict=Verdict.FAILED, detail="no"))
        deeds = world.deeds(config)
        deeds.perform(Observe(id=7, call=CALL, timeout=1))
        await until(lambda: world.happened)
        (done,) = world.happened
        assert isinstance(done, Done)
        assert (done.action, done.outcome) == (7, world.outcome)

    asyncio.run(run())


def test_a_call_that_fails_in_the_agent_is_an_unknown_never_a_no(
    config: ClusterConfig, until: Until
) -> None:
    async def run() -> None:
        world = World(RuntimeError("a bug"))
        world.deeds(config).perform(Probe(id=7, call=CALL, timeout=1))
        await until(lambda: world.happened)
        (done,) = world.happened
        assert isinstance(done, Done)
        assert done.outcome.verdict is Verdict.STALLED
        assert done.outcome.presence is Presence.UNKNOWN

    asyncio.run(run())


def test_a_machine_that_is_still_there_is_stopped_again_with_insistence(
    config: ClusterConfig, until: Until
) -> None:
    config = attrs.evolve(config, heartbeat_timeout=30)

    async def run() -> None:
        world = World()
        deeds = world.deeds(config)
        deeds.perform(REBOOT)
        deeds.perform(REBOOT)
        await until(lambda: len(world.happened) == 3)
        deeds.close()
        await asyncio.sleep(0.05)
        assert world.happened == [
            (FinalAction.REBOOT, False),
            (FinalAction.REBOOT, True),
            (FinalAction.REBOOT, True),
        ]

    asyncio.run(run())


@pytest.mark.parametrize("power", [None, NoPower("nobody gave one")])
def test_a_machine_that_cannot_be_stopped_is_told_once(
    config: ClusterConfig, until: Until, power: Power | None
) -> None:
    config = attrs.evolve(config, heartbeat_timeout=10)

    async def run() -> None:
        world = World(refuses=True)
        deeds = world.deeds(config, power)
        deeds.perform(REBOOT)
        await until(lambda: any(isinstance(each, Because) for each in world.happened))
        await asyncio.sleep(0.05)
        deeds.close()
        await asyncio.sleep(0.02)
        told = [each.key for each in world.happened if isinstance(each, Because)]
        assert told == ["pm507" if power is None else "pm508"]

    asyncio.run(run())


def test_exit_codes() -> None:
    assert {end: end.exit_code for end in End if end is not End.AGAIN} == {
        End.LEFT: 0,
        End.FAILED: 1,
        End.BUG: 70,
    }


async def test_a_group_is_killed_by_whoever_calls_drivers(
    config: ClusterConfig, until: Until
) -> None:
    world = World()
    world.deeds(config).perform(Kill(group="failover1"))
    await until(lambda: world.happened == ["kill failover1"])


async def test_a_machine_that_should_stop_is_vouched_for_a_while_only(
    config: ClusterConfig, until: Until
) -> None:
    world = World()
    deeds = world.deeds(config)
    deeds.perform(REBOOT)
    deeds.perform(REBOOT)
    await until(lambda: world.happened)
    assert world.starved == [config.heartbeat_timeout]
    deeds.close()
