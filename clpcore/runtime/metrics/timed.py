"""Calls of drivers, counted and timed by the driver's type on their way."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from clpcore import api
from clpcore.model.actions import Call, Driven
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Heartbeat
from clpcore.runtime.deeds import Drivers
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.metrics.tally import Tally
from clpcore.runtime.workers.jobs import DO, type_of
from clpcore.runtime.workers.paths import Receive


@attrs.frozen
class Timed:
    """Drivers, as ``deeds`` knows them, that a tally hears of."""

    _drivers: Drivers
    _tally: Tally

    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None:
        """Hand it on."""
        self._drivers.on_kept(callback)

    async def call(self, action: Driven, config: ClusterConfig) -> Outcome:
        """Call, and take the time."""
        begun = time.monotonic()
        outcome = await self._drivers.call(action, config)
        seconds = time.monotonic() - begun
        name = DO[type(action)].value
        self._tally.call(type_of(action, config), name, outcome.verdict.value, seconds)
        return outcome

    async def kill(self, group: str) -> None:
        """Hand it on."""
        await self._drivers.kill(group)

    async def open_path(
        self, heartbeat: Heartbeat, call: Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        """Hand it on."""
        return await self._drivers.open_path(heartbeat, call, others, receive)

    async def close(self) -> None:
        """Hand it on."""
        await self._drivers.close()
