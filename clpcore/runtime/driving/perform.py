"""One call of a driver, inside a worker: its deadline, its end, and what its outcome means."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from clpcore import api, host
from clpcore.config import settings
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime import clock
from clpcore.runtime.driving import hook, methods
from clpcore.runtime.driving.ports import LocalPorts
from clpcore.runtime.workers.exchange import Ask

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
        """Give the driver of what the call is about.

        Raises:
            Misconfigured: the settings do not fit the type.
            NotInstalled: this version of the plugin has no such type.

        """
        call = ask.call
        about: tuple[str, ...] = (call.group, call.resource, call.monitor)
        if call.entry:  # one arbiter for all groups, and a fence for each victim: its settings
            about = (call.entry, call.victim)
        about = (ask.do.kind.value, ask.type, *about)
        if about in self._made and self._made[about][0] == ask.settings:
            return self._made[about][1]
        driver = self.make(ask.do.kind, ask.type, ask.settings)
        self._made[about] = (ask.settings, driver)
        return driver

    def make(self, kind: api.Kind, name: str, text: str) -> api.Driver:
        """Make a driver of this type with the settings in *text*; raises as ``driver`` does."""
        spec = self._specs.get((kind, name))
        if spec is None or spec.make is None:
            raise api.NotInstalled(f"the plugin has no {kind.value} {name}")
        try:
            return spec.make(settings.structure(spec, json.loads(text)))
        except settings.BadSettings as bad:
            raise api.Misconfigured(str(bad)) from bad


async def perform(
    ask: Ask, drivers: Drivers, ports: LocalPorts, void: asyncio.Future[None]
) -> tuple[Outcome, bool]:
    """Call the driver; give the outcome, and whether code of it runs on although it is over.

    *void*: done when nobody wants the call any more, which ends it as its deadline does.
    """
    task = asyncio.ensure_future(_guarded(ask, drivers, ports))
    left = max(0, ask.call.deadline - clock.now()) / 1_000
    waits: set[asyncio.Future[Any]] = {task, void}
    await asyncio.wait(waits, timeout=left, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await ports.close()
        return task.result(), ports.abandoned
    ports.revoke()
    task.cancel()
    closing = asyncio.ensure_future(ports.close())
    await asyncio.wait({task, closing}, timeout=AFTERMATH)
    when = "when it was called off" if void.done() else "at its deadline"
    detail = f"{ask.method} had not ended {when}"
    if not task.done():
        logger.error("%s %s swallows its cancellation and runs on", ask.type, ask.method)
        return Outcome(verdict=Verdict.STALLED, detail=f"{detail}, nor when cancelled"), True
    return Outcome(verdict=Verdict.STALLED, detail=detail), ports.abandoned


async def _guarded(ask: Ask, drivers: Drivers, ports: LocalPorts) -> Outcome:
    """Call the driver and turn whatever comes of it into an outcome; only cancelling gets out."""
    try:
        await ports.sweep()
        if ask.at is not None:
            return await hook.run(ask.at, ask.call, ports)
        return await methods.call(drivers.driver(ask), ask, ports)
    except api.DriverError as error:
        verdict = next(_VERDICTS[kind] for kind in type(error).mro() if kind in _VERDICTS)
        return Outcome(verdict=verdict, detail=str(error)[:_LONGEST])
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return _bug(ask, error)  # nobody has cancelled it but the driver itself
    except BaseException as error:  # noqa: BLE001 - a stranger's code: also a panic of its Rust
        return _bug(ask, error)


def _bug(ask: Ask, error: BaseException) -> Outcome:
    logger.error("%s %s: driver bug", ask.type, ask.method, exc_info=error)
    text = f"driver bug: {type(error).__name__}: {error}"[:_LONGEST]
    return Outcome(verdict=Verdict.FAILED, detail=f"{text} (the worker's log has more)")
