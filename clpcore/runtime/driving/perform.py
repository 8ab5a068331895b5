"""One call of a driver, inside a worker: its deadline, its end, and what its outcome means."""

from __future__ import annotations

import asyncio
import json
import logging
import typing
from collections.abc import Mapping
from typing import Final

from clpcore import api, host
from clpcore.config import settings
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime import clock
from clpcore.runtime.driving import hook
from clpcore.runtime.driving.ports import LocalPorts
from clpcore.runtime.workers.exchange import Ask, Do

logger = logging.getLogger(__name__)

AFTERMATH: Final = 1.0  # seconds that a cancelled call may take to end
_LONGEST: Final = 2_000  # characters of a sentence

_VERDICTS: Final[Mapping[type, Verdict]] = {
    api.Misconfigured: Verdict.MISCONFIGURED,
    api.NotInstalled: Verdict.NOT_INSTALLED,
    api.DriverError: Verdict.FAILED,
}


class Drivers:
    """The drivers of one plugin, made when first asked for, and kept for the next call."""

    def __init__(self, registry: host.Registry) -> None:
        self._specs = registry.specs
        self._made: dict[tuple[str, ...], tuple[str, api.Driver]] = {}

    def driver(self, ask: Ask) -> api.Driver:
        """Give the driver of the resource or monitor that the call is about.

        Raises:
            Misconfigured: the settings do not fit the type.
            NotInstalled: this version of the plugin has no such type.

        """
        call = ask.call
        about = (ask.do.kind.value, ask.type, call.group, call.resource, call.monitor)
        if about in self._made and self._made[about][0] == ask.settings:
            return self._made[about][1]
        spec = self._specs.get((ask.do.kind, ask.type))
        if spec is None or spec.make is None:
            raise api.NotInstalled(f"the plugin has no {ask.do.kind.value} {ask.type}")
        try:
            driver = spec.make(settings.structure(spec, json.loads(ask.settings)))
        except settings.BadSettings as bad:
            raise api.Misconfigured(str(bad)) from bad
        self._made[about] = (ask.settings, driver)
        return driver


async def perform(ask: Ask, drivers: Drivers, ports: LocalPorts) -> tuple[Outcome, bool]:
    """Call the driver; give the outcome, and whether code of it runs on although it is over."""
    task = asyncio.ensure_future(_guarded(ask, drivers, ports))
    left = max(0, ask.call.deadline - clock.now()) / 1_000
    done, _ = await asyncio.wait({task}, timeout=left)
    if done:
        await ports.close()
        return task.result(), ports.abandoned
    ports.revoke()
    task.cancel()
    closing = asyncio.ensure_future(ports.close())
    await asyncio.wait({task, closing}, timeout=AFTERMATH)
    detail = f"{ask.do.value} had not ended at its deadline"
    if not task.done():
        logger.error("%s %s swallows its cancellation and runs on", ask.type, ask.do.value)
        return Outcome(verdict=Verdict.STALLED, detail=f"{detail}, nor when cancelled"), True
    return Outcome(verdict=Verdict.STALLED, detail=detail), ports.abandoned


async def _guarded(ask: Ask, drivers: Drivers, ports: LocalPorts) -> Outcome:
    """Call the driver and turn whatever comes of it into an outcome; only cancelling gets out."""
    try:
        await ports.sweep()
        if ask.at is not None:
            return await hook.run(ask.at, ask.call, ports)
        return await _METHODS[ask.do](drivers.driver(ask), ask.call, ports)
    except api.DriverError as error:
        verdict = next(_VERDICTS[kind] for kind in type(error).mro() if kind in _VERDICTS)
        return Outcome(verdict=verdict, detail=str(error)[:_LONGEST])
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _bug(ask, error)  # nobody has cancelled it but the driver itself
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - a stranger's code
        return _bug(ask, error)


def _bug(ask: Ask, error: BaseException) -> Outcome:
    logger.error("%s %s: driver bug", ask.type, ask.do.value, exc_info=error)
    text = f"driver bug: {type(error).__name__}: {error}"[:_LONGEST]
    return Outcome(verdict=Verdict.FAILED, detail=f"{text} (the worker's log has more)")


def _resource(driver: api.Driver) -> api.ResourceDriver:
    return typing.cast("api.ResourceDriver", driver)


async def _probe(driver: api.Driver, call: api.Call, ports: api.Ports) -> Outcome:
    presence = await _resource(driver).probe(call, ports)
    if not isinstance(presence, api.Presence):
        raise TypeError(f"probe gave {presence!r:.80}, which is no Presence")
    return Outcome(verdict=Verdict.OK, presence=presence)


async def _activate(driver: api.Driver, call: api.Call, ports: api.Ports) -> Outcome:
    await _resource(driver).activate(call, ports)
    return Outcome(verdict=Verdict.OK)


async def _deactivate(driver: api.Driver, call: api.Call, ports: api.Ports) -> Outcome:
    await _resource(driver).deactivate(call, ports)
    return Outcome(verdict=Verdict.OK)


async def _observe(driver: api.Driver, call: api.Call, ports: api.Ports) -> Outcome:
    observation = await typing.cast("api.MonitorDriver", driver).observe(call, ports)
    if not isinstance(observation, api.Observation):
        raise TypeError(f"observe gave {observation!r:.80}, which is no Observation")
    return Outcome(verdict=Verdict.OK, observation=observation)


_METHODS: Final = {
    Do.PROBE: _probe,
    Do.ACTIVATE: _activate,
    Do.DEACTIVATE: _deactivate,
    Do.OBSERVE: _observe,
}
