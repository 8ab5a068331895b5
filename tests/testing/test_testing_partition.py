"""A right partition driver passes; each wrong one is caught, by the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import pytest

from clpcore import api
from clpcore.testing import Command, PartitionSuite, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]


@attrs.frozen(kw_only=True)
class Config:
    target: str = api.setting("Whom to ping.", example='"10.5.0.1"')


@attrs.frozen
class Right:
    config: Config

    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        done = await ports.run(["ping", "-c1", self.config.target], timeout=3_000)
        return {0: api.Answer.ANSWERED, 1: api.Answer.SILENT}.get(
            done.returncode, api.Answer.UNKNOWN
        )


def machine() -> World:
    world = World(facts={"answers": True})

    def ping(_: Command) -> int:
        return 0 if world.facts["answers"] else 1

    world.programs["ping"] = ping
    return world


def silent(world: World) -> None:
    world.facts["answers"] = False


def without_ping(world: World) -> None:
    world.programs.clear()


def suite_of(driver: Callable[[Config], api.PartitionDriver]) -> type[PartitionSuite]:
    class Kit(PartitionSuite):
        spec = api.DriverSpec(
            kind=api.Kind.PARTITION,
            name="acmenp",
            api=api.API,
            summary="Pings a router.",
            config=Config,
            make=driver,
        )
        settings = {"target": "10.5.0.1"}

        def world(self) -> World:
            return machine()

        def faults(self) -> Mapping[str, tuple[Callable[[World], None], api.Answer]]:
            return {
                "it is silent": (silent, api.Answer.SILENT),
                "there is no ping": (without_ping, api.Answer.UNKNOWN),
            }

    return Kit


def test_a_right_driver_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class FailureIsSilence(Right):
    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        try:
            return await super().ask(call, ports)
        except api.DriverError:
            return api.Answer.SILENT


class KilledIsSilence(Right):
    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        done = await ports.run(["ping", "-c1", self.config.target], timeout=3_000)
        return api.Answer.SILENT if done.returncode else api.Answer.ANSWERED


class FailureIsAnAnswer(Right):
    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        try:
            return await super().ask(call, ports)
        except api.DriverError:
            return api.Answer.ANSWERED


class GivesABool(Right):
    async def ask(self, call: api.Call, ports: api.Ports) -> api.Answer:
        return await super().ask(call, ports) is api.Answer.ANSWERED  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (FailureIsSilence, rules.SILENCE_WAS_HEARD),
        (KilledIsSilence, rules.SILENCE_WAS_HEARD),
        (FailureIsAnAnswer, rules.ANSWERED_WHEN_REACHED),
        (GivesABool, rules.RIGHT_TYPE),
    ],
)
def test_a_wrong_driver_is_caught(
    driver: Callable[[Config], api.PartitionDriver], rule: rules.Rule, complaints: Complaints
) -> None:
    found = complaints(suite_of(driver))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found
