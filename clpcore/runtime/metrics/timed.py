"""Calls of drivers, counted and timed by the driver's type on their way."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from clpcore import api
from clpcore.model.actions import Driven, Hook, Observe
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.runtime.deeds import Drivers
from clpcore.runtime.metrics.tally import Tally


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
        name = type(action).__name__.lower()
        self._tally.call(_type(action, config), name, outcome.verdict.value, seconds)
        return outcome

    async def close(self) -> None:
        """Hand it on."""
        await self._drivers.close()


def _type(action: Driven, config: ClusterConfig) -> str:
    """Give the type of what is called; empty when the configuration does not have it."""
    call = action.call
    if isinstance(action, Observe | Hook) and call.monitor:
        monitor = config.monitor_by_name.get(call.monitor)
        return monitor.type if monitor else ""
    group = config.group_by_name.get(call.group)
    resource = group.by_name.get(call.resource) if group else None
    return resource.type if resource else ""
