"""A right monitor passes; each wrong one is caught, by the rule that it breaks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import attrs
import pytest

from clpcore import api
from clpcore.testing import Faults, MonitorSuite, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]


@attrs.frozen
class Config:
    port: int = api.setting("The port.", default=80, example="80", low=1)


@attrs.frozen
class Right:
    """The page answers where the service runs; nobody listens where it must not."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        if call.role is api.Role.STANDBY:
            reach = await ports.connect("127.0.0.1", self.config.port, timeout=1_000)
            if reach is api.Reach.REFUSED:
                return api.Observation(api.Health.NORMAL, "nobody listens")
            return api.Observation(api.Health.ERROR, f"the port is {reach.value}")
        answer = await ports.http("GET", "http://127.0.0.1/", timeout=5_000)
        if answer.status == 200 and answer.body == b"here":
            return api.Observation(api.Health.NORMAL, "the page is there")
        return api.Observation(api.Health.ERROR, f"the page answers {answer.status}")


def machine() -> World:
    return World(sites={"http://127.0.0.1/": lambda _: b"here"})


def answers(status: int) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.sites["http://127.0.0.1/"] = lambda _: status

    return change


def listened(world: World) -> None:
    world.strangers[80] = "nginx"


def suite_of(driver: Callable[[Config], api.MonitorDriver]) -> type[MonitorSuite]:
    class Kit(MonitorSuite):
        spec = api.DriverSpec(
            kind=api.Kind.MONITOR,
            name="acmew",
            api=api.API,
            summary="Watches a page.",
            config=Config,
            make=driver,
            capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
        )

        def world(self) -> World:
            return machine()

        def faults(self) -> Faults:
            return {
                "it answers 503": (answers(503), api.Health.ERROR),
                "it refuses": (lambda world: world.sites.clear(), api.Health.UNKNOWN),
            }

        def standby_faults(self) -> Faults:
            return {"somebody listens": (listened, api.Health.ERROR)}

    return Kit


def test_a_right_monitor_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class NeverLooks(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        return api.Observation(api.Health.NORMAL, "all is well")


class KnowsOneSide(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        return await super().observe(attrs.evolve(call, role=api.Role.ACTIVE), ports)


class AlwaysWarns(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        seen = await super().observe(call, ports)
        return attrs.evolve(seen, health=api.Health.WARNING)


class SilenceIsNormal(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        try:
            return await super().observe(call, ports)
        except api.Failed:
            return api.Observation(api.Health.NORMAL, "it did not say that it is ill")


class GivesUpAsNormal(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        for _ in range(3):
            with contextlib.suppress(api.DriverError):
                return await super().observe(call, ports)
        return api.Observation(api.Health.NORMAL, "no answer is a good answer")


class SaysNothing(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        return api.Observation((await super().observe(call, ports)).health)


class SaysEverything(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        seen = await super().observe(call, ports)
        return attrs.evolve(seen, sentence=f"{seen.sentence}\nand more")


class Notes(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        ports.write("/run/last", str(ports.now()))
        return await super().observe(call, ports)


class GivesHealth(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        return (await super().observe(call, ports)).health  # type: ignore[return-value]


class Warns(Right):
    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        seen = await super().observe(call, ports)
        if seen.health is api.Health.ERROR:
            return attrs.evolve(seen, health=api.Health.WARNING)
        return seen


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (NeverLooks, rules.SEES_THE_FAULT),
        (KnowsOneSide, rules.HEALTHY),  # the page is not there on the standby server
        (AlwaysWarns, rules.NORMAL_WHEN_NORMAL),
        (SilenceIsNormal, rules.NORMAL_IS_NO_GUESS),
        (GivesUpAsNormal, rules.NORMAL_IS_NO_GUESS),
        (SaysNothing, rules.ONE_SENTENCE),
        (SaysEverything, rules.ONE_SENTENCE),
        (Notes, rules.CHANGES_NOTHING),
        (GivesHealth, rules.RIGHT_TYPE),
        (Warns, rules.SEES_THE_FAULT),
    ],
)
def test_a_wrong_monitor_is_caught(
    driver: Callable[[Config], api.MonitorDriver], rule: rules.Rule, complaints: Complaints
) -> None:
    found = complaints(suite_of(driver))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found


def test_a_guess_is_caught_where_no_fault_is_listed(complaints: Complaints) -> None:
    class Short(suite_of(GivesUpAsNormal)):  # type: ignore[misc]
        def faults(self) -> Faults:
            return {}

    found = complaints(Short)
    assert rules.NORMAL_IS_NO_GUESS.says in found["test_normal_is_no_guess"]


@attrs.frozen
class Keeps:
    """Keeps a watcher running between its looks, and ends it with them."""

    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        if await ports.kept("watcher") is None:
            await ports.keep("watcher", ["/usr/bin/watcher"])
        return api.Observation(api.Health.NORMAL, "the watcher goes on")

    async def rest(self, call: api.Call, ports: api.Ports) -> None:
        await ports.end("watcher", grace=1_000)


class NeverRests(Keeps):
    async def rest(self, call: api.Call, ports: api.Ports) -> None:
        ports.tell("it will end some day")


class RestsOnce(Keeps):
    async def rest(self, call: api.Call, ports: api.Ports) -> None:
        if await ports.kept("watcher") is None:
            raise api.Failed("there is no watcher")
        await super().rest(call, ports)


def keeping(driver: Callable[[Config], api.KeepingMonitor]) -> type[MonitorSuite]:
    class Kit(MonitorSuite):
        spec = attrs.evolve(
            suite_of(Right).spec, make=driver, capabilities=frozenset({api.Capability.KEEPS})
        )

        def world(self) -> World:
            world = World(programs={"/usr/bin/watcher": lambda _: 0})
            assert self.play(world, "observe").returned
            return world

    return Kit


def test_a_monitor_that_ends_what_it_keeps_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(keeping(Keeps)) == {}


@pytest.mark.parametrize("driver", [NeverRests, RestsOnce])
def test_what_goes_on_without_looks_is_caught(
    driver: Callable[[Config], api.KeepingMonitor], complaints: Complaints
) -> None:
    found = complaints(keeping(driver))
    assert rules.RESTS.says in found["test_what_it_keeps_ends_with_its_looks"]
