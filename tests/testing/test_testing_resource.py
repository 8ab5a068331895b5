"""A right resource driver passes; each wrong one is caught, by the rule that it breaks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.testing import Command, ResourceSuite, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]

SECRET = "hunter2"


@attrs.frozen(kw_only=True)
class Config:
    unit: str = api.setting("The unit.", example='"web"')
    password: str = api.setting("The password.", default="", secret=True)


@attrs.frozen
class Right:
    """Drives a service through `acmectl`; exit code 3 of its status means: not running."""

    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        done = await ports.run(["acmectl", "status", self.config.unit], timeout=5_000)
        if done.returncode == 3:
            return api.Presence.INACTIVE
        if done.returncode == 0 and done.output == "running\n":
            return api.Presence.ACTIVE
        return api.Presence.UNKNOWN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        await self._bring(call, ports, "start", api.Presence.ACTIVE)

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        await self._bring(call, ports, "stop", api.Presence.INACTIVE)

    async def _bring(
        self, call: api.Call, ports: api.Ports, verb: str, wanted: api.Presence
    ) -> None:
        if await self.probe(call, ports) is wanted:
            return
        await ports.run(["acmectl", verb, self.config.unit], timeout=30_000)
        if await self.probe(call, ports) is not wanted:
            raise api.Failed(f"{self.config.unit} did not {verb}: look at its log")


def machine() -> World:
    world = World(facts={"runs": False, "looks": 0})

    def acmectl(command: Command) -> int | str:
        if command.argv[1] == "status":
            return "running\n" if world.facts["runs"] else 3
        world.facts["runs"] = command.argv[1] == "start"
        return 0

    world.programs["acmectl"] = acmectl
    return world


def suite_of(driver: Callable[[Config], api.ResourceDriver]) -> type[ResourceSuite]:
    class Kit(ResourceSuite):
        spec = api.DriverSpec(
            kind=api.Kind.RESOURCE,
            name="acme",
            api=api.API,
            summary="Drives a service.",
            config=Config,
            make=driver,
        )
        settings = {"unit": "web", "password": SECRET}

        def world(self) -> World:
            return machine()

        def serves(self, world: World) -> bool:
            return bool(world.facts["runs"])

        def breakages(self) -> Mapping[str, Callable[[World], None]]:
            return {"it was stopped by hand": lambda world: world.facts.update(runs=False)}

    return Kit


def test_a_right_driver_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class ReturnsEarly(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        done = await ports.run(["acmectl", "start", "web"], timeout=30_000)
        if done.returncode > 0:
            raise api.Failed("it did not start")


class StopsOnce(Right):
    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        if await self.probe(call, ports) is not api.Presence.ACTIVE:
            raise api.Failed("it does not run")
        await super().deactivate(call, ports)


class StartsOnce(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        if await self.probe(call, ports) is api.Presence.ACTIVE:
            raise api.Failed("it runs already")
        await super().activate(call, ports)


class StopsInTrust(Right):
    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        with contextlib.suppress(api.DriverError):
            await ports.run(["acmectl", "stop", "web"], timeout=30_000)


class ProbeWrites(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        ports.write(f"{ports.places.run}/probed", "1")
        return await super().probe(call, ports)


class TimeoutIsInactive(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        try:
            return await super().probe(call, ports)
        except api.Failed:
            return api.Presence.INACTIVE


class GivesUpAsInactive(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        for _ in range(3):
            with contextlib.suppress(api.DriverError):
                return await super().probe(call, ports)
        return api.Presence.INACTIVE


class GivesUpAsActive(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        for _ in range(3):
            with contextlib.suppress(api.DriverError):
                return await super().probe(call, ports)
        return api.Presence.ACTIVE


class KilledIsInactive(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        done = await ports.run(["acmectl", "status", "web"], timeout=5_000)
        return api.Presence.ACTIVE if done.returncode == 0 else api.Presence.INACTIVE


class TimeoutIsActive(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        try:
            return await super().probe(call, ports)
        except api.Failed:
            return api.Presence.ACTIVE


class RemembersInAFile(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        there = ports.read("/run/started") is not None
        return api.Presence.ACTIVE if there else api.Presence.INACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        ports.write("/run/started", "")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        ports.remove("/run/started")


class SwallowsCancellation(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await super().activate(call, ports)


class GoesOn(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        while True:
            try:
                return await super().activate(call, ports)
            except asyncio.CancelledError:
                with contextlib.suppress(BaseException):
                    await asyncio.sleep(3_600)


class GoesOnAsking(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        while True:
            try:
                return await super().activate(call, ports)
            except (api.DriverError, asyncio.CancelledError):
                continue


class HasABug(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        done = await ports.run(["acmectl", "status", "web"], timeout=5_000)
        if done.returncode == 3:
            return api.Presence.INACTIVE
        word, _end = done.output.split("\n")
        return {"running": api.Presence.ACTIVE}[word]


class Misspells(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        done = await ports.run(["acmectl", "status", "web"], timeout=5_000)
        if done.exit_code == 3:  # type: ignore[attr-defined]
            return api.Presence.INACTIVE
        return api.Presence.ACTIVE


class AsksForAPortThatIsNone(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        await ports.shell("acmectl status web")  # type: ignore[attr-defined]
        return api.Presence.UNKNOWN


class WritesOneText(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        await ports.run("acmectl status web")
        return api.Presence.UNKNOWN


class GivesNothing(Right):
    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        await super().probe(call, ports)
        return None  # type: ignore[return-value]


class ShowsASecretInArgv(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        await ports.run(["acmectl", "login", f"--password={self.config.password}"])
        await super().activate(call, ports)


class ShowsASecretInAnError(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        try:
            await super().activate(call, ports)
        except api.Failed as failed:
            raise api.Failed(f"with {self.config.password}: {failed}") from failed


class TellsASecret(Right):
    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        ports.tell(f"logs in with {self.config.password}")
        await super().deactivate(call, ports)


class Forks(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        subprocess.run(["true"], check=True)  # noqa: ASYNC221
        await super().activate(call, ports)


class Writes(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        with contextlib.suppress(RuntimeError):
            Path("/nowhere").write_text("")  # noqa: ASYNC240
        await super().activate(call, ports)


class Blocks(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        time.sleep(30)  # noqa: ASYNC251
        await super().activate(call, ports)


class ForgetsASocket(Right):
    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        await super().activate(call, ports)
        ports.listen("", 26001)


class NeedsWhatItDidBefore(Right):
    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        if ports.read("/run/begun") is None:
            raise api.Failed("it was never begun")
        await super().deactivate(call, ports)

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        await super().activate(call, ports)
        ports.write("/run/begun", "")


MUTANTS = [
    (ReturnsEarly, rules.ACTIVATES),
    (StopsOnce, rules.DEACTIVATES_TWICE),
    (StartsOnce, rules.ACTIVATES_TWICE),
    (StopsInTrust, rules.DEACTIVATES),
    (ProbeWrites, rules.CHANGES_NOTHING),
    (TimeoutIsInactive, rules.UNKNOWN_IS_NO_NO),
    (GivesUpAsInactive, rules.UNKNOWN_IS_NO_NO),
    (GivesUpAsActive, rules.UNKNOWN_IS_NO_YES),
    (KilledIsInactive, rules.UNKNOWN_IS_NO_NO),
    (TimeoutIsActive, rules.UNKNOWN_IS_NO_YES),
    (RemembersInAFile, rules.PROBE_TELLS),
    (SwallowsCancellation, rules.ENDS_WHEN_CANCELLED),
    (GoesOn, rules.ENDS_WHEN_CANCELLED),
    (GoesOnAsking, rules.ENDS_WHEN_CANCELLED),
    (HasABug, rules.NO_BUG),
    (Misspells, rules.NO_MISTAKE),
    (AsksForAPortThatIsNone, rules.NO_MISTAKE),
    (WritesOneText, rules.NO_MISTAKE),
    (GivesNothing, rules.RIGHT_TYPE),
    (ShowsASecretInArgv, rules.NO_SECRET),
    (ShowsASecretInAnError, rules.NO_SECRET),
    (TellsASecret, rules.NO_SECRET),
    (Forks, rules.THROUGH_PORTS),
    (Writes, rules.THROUGH_PORTS),
    (Blocks, rules.THROUGH_PORTS),
    (ForgetsASocket, rules.CLOSES),
    (NeedsWhatItDidBefore, rules.COMES_BACK),
]


@pytest.mark.parametrize(("driver", "rule"), MUTANTS)
def test_a_wrong_driver_is_caught(
    driver: Callable[[Config], api.ResourceDriver], rule: rules.Rule, complaints: Complaints
) -> None:
    found = complaints(suite_of(driver))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found
    assert all(SECRET not in text for text in found.values())


@pytest.mark.parametrize(
    ("driver", "line", "has"),
    [
        (Misspells, "if done.exit_code == 3:", "; api.Completed has returncode, output\n"),
        (AsksForAPortThatIsNone, "await ports.shell(", "; api.Ports has places, now, sleep, run,"),
        (WritesOneText, 'await ports.run("acmectl status web")', "argv is a list of words"),
    ],
)
def test_a_mistake_is_told_with_its_line(
    driver: Callable[[Config], api.ResourceDriver], line: str, has: str, complaints: Complaints
) -> None:
    for text in complaints(suite_of(driver)).values():
        assert f"; testing/{Path(__file__).name}, line " in text
        assert line in text
        assert has in text


def test_a_library_s_line_is_not_blamed(complaints: Complaints) -> None:
    class Parses(Right):
        async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
            return api.Presence(json.loads("{"))

    found = complaints(suite_of(Parses)).values()
    assert found
    assert all('return api.Presence(json.loads("{"))' in text for text in found), found
    assert all(rules.NO_BUG.says in text for text in found)


def test_a_mistake_in_the_world_is_not_the_driver_s(complaints: Complaints) -> None:
    class Kit(suite_of(Right)):  # type: ignore[misc]
        def world(self) -> World:
            world = machine()
            world.programs["acmectl"] = lambda command: world.facts[command.argv[1]]
            return world

    found = complaints(Kit).values()
    assert found
    for text in found:
        assert rules.WORLD_ANSWERS.says in text
        assert 'world.programs["acmectl"] = lambda command: world.facts' in text


def test_no_descriptor_is_left_open(complaints: Complaints) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    complaints(suite_of(ForgetsASocket))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_repr_that_shows_a_secret_is_caught(complaints: Complaints) -> None:
    class Open(Right):
        def __repr__(self) -> str:
            return f"Open({self.config.password})"

    found = complaints(suite_of(Open))
    assert any(rules.NO_SECRET.says in text for text in found.values())
