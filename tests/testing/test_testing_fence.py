"""A right fence driver passes; each wrong one is caught, by the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from clpcore import api
from clpcore.testing import FenceSuite, Request, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]

CLOUD = "https://cloud.example/vm/"


@attrs.frozen
class Config:
    token_file: str = api.setting("The file of the token.", default="/etc/token")


@attrs.frozen
class Right:
    """A cloud that accepts the request, and stops the machine two seconds later."""

    config: Config

    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        power = await self._power(call, ports)
        if power is api.Power.UNKNOWN:
            return api.Observation(api.Health.UNKNOWN, f"the power of {call.victim} is not known")
        return api.Observation(api.Health.NORMAL, f"{call.victim} is {power.value}")

    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        await self._request(call, ports)
        while ports.now() < call.deadline - 10_000:
            power = await self._power(call, ports)
            if power is api.Power.OFF:
                return power
            await ports.sleep(1_000)
        return await self._power(call, ports)

    async def _request(self, call: api.Call, ports: api.Ports) -> None:
        answer = await ports.http(
            "POST", f"{CLOUD}{call.victim}/stop", timeout=5_000, headers=self._token(ports)
        )
        if answer.status != 202:
            raise api.Failed(f"the cloud answers {answer.status}")

    async def _power(self, call: api.Call, ports: api.Ports) -> api.Power:
        answer = await ports.http(
            "GET", f"{CLOUD}{call.victim}", timeout=5_000, headers=self._token(ports)
        )
        words = {b"running": api.Power.ON, b"stopped": api.Power.OFF}
        return words.get(answer.body, api.Power.UNKNOWN)

    def _token(self, ports: api.Ports) -> dict[str, str]:
        token = ports.read(self.config.token_file)
        if token is None:
            raise api.Misconfigured(f"{self.config.token_file} is not there")
        return {"authorization": token}


def machine() -> World:
    world = World(facts={"off at": None, "deaf": False})
    world.files["/etc/token"] = "hunter2"
    world.secrets.append("hunter2")

    def cloud(request: Request) -> api.HttpAnswer | bytes:
        if request.method == "POST":
            if world.facts["off at"] is None and not world.facts["deaf"]:
                world.facts["off at"] = world.clock + 2_000
            return api.HttpAnswer(status=202)
        return b"stopped" if off(world) else b"running"

    world.sites[CLOUD] = cloud
    return world


def off(world: World) -> bool:
    at = world.facts["off at"]
    return at is not None and world.clock >= at


def suite_of(driver: Callable[[Config], api.FenceDriver]) -> type[FenceSuite]:
    class Kit(FenceSuite):
        spec = api.DriverSpec(
            kind=api.Kind.FENCE,
            name="acmefence",
            api=api.API,
            summary="Stops a machine.",
            config=Config,
            make=driver,
        )

        def world(self) -> World:
            return machine()

        def is_off(self, world: World) -> bool:
            return off(world)

        def deaf(self, world: World) -> None:
            world.facts["deaf"] = True

    return Kit


def test_a_right_driver_breaks_no_rule(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class Trusts(Right):
    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        await self._request(call, ports)
        await ports.sleep(5_000)
        return api.Power.OFF


class UnknownIsOff(Right):
    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        await self._request(call, ports)
        await ports.sleep(5_000)
        try:
            return await self._power(call, ports)
        except api.Failed:
            return api.Power.OFF


class NotOnIsOff(Right):
    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        await self._request(call, ports)
        while await self._power(call, ports) is api.Power.ON:
            await ports.sleep(1_000)
        return api.Power.OFF


class DoesNotWait(Right):
    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        await self._request(call, ports)
        return await self._power(call, ports)


class GuessesThatItCan(Right):
    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        try:
            return await super().can_fence(call, ports)
        except api.DriverError:
            return api.Observation(api.Health.NORMAL, "it will do")


class TriesIt(Right):
    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        await self._request(call, ports)
        return await super().can_fence(call, ports)


class TellsTheToken(Right):
    async def fence(self, call: api.Call, ports: api.Ports) -> api.Power:
        ports.tell(f"with {self._token(ports)}")
        return await super().fence(call, ports)


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (Trusts, rules.OFF_IS_READ),
        (UnknownIsOff, rules.OFF_IS_READ),
        (NotOnIsOff, rules.OFF_IS_READ),
        (DoesNotWait, rules.FENCES),
        (GuessesThatItCan, rules.CAN_FENCE_TELLS),
        (TriesIt, rules.CHANGES_NOTHING),
        (TellsTheToken, rules.NO_SECRET),
    ],
)
def test_a_wrong_driver_is_caught(
    driver: Callable[[Config], api.FenceDriver], rule: rules.Rule, complaints: Complaints
) -> None:
    found = complaints(suite_of(driver))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found
    assert all("hunter2" not in text for text in found.values())
