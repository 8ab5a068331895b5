"""What a virtual machine is bound to: something that has power, and may lose it by itself."""

import asyncio
import enum
import uuid
from typing import Protocol

import attrs


class Power(enum.Enum):
    """Whether a machine runs."""

    ON = "on"
    OFF = "off"


class Machine(Protocol):
    """The port that Azure's side switches; a rehearsal binds it to a server of a lab."""

    async def power_off(self) -> None:
        """Cut the power; off when this returns. Of a machine that is off: nothing."""

    async def shut_down(self) -> None:
        """Ask the operating system to end; returns when it was asked, not when it is off."""

    async def start(self) -> None:
        """Switch on: a new life with a new boot id. Of a machine that is on: nothing."""

    async def state(self) -> Power:
        """Tell what is true now, whoever caused it."""


@attrs.define
class Double:
    """A machine for tests: no more than a switch.

    Attributes:
        obeys_shutdown: whether its operating system ends when it is asked to.
        boot_id: of its present life, "" while it is off.
        ends: how often its power was cut.
    """

    power: Power = Power.ON
    obeys_shutdown: bool = True
    ends: int = 0
    boot_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))

    async def power_off(self) -> None:
        await asyncio.sleep(0)
        if self.power is Power.ON:
            self.power, self.boot_id, self.ends = Power.OFF, "", self.ends + 1

    async def shut_down(self) -> None:
        await asyncio.sleep(0)
        if self.obeys_shutdown:
            await self.power_off()

    async def start(self) -> None:
        await asyncio.sleep(0)
        if self.power is Power.OFF:
            self.power, self.boot_id = Power.ON, str(uuid.uuid4())

    async def state(self) -> Power:
        return self.power
