"""A third party's plugin: its drivers have the vice that the file `vice` under CLP_ROOT names."""

from __future__ import annotations

import asyncio
import os
import time

import attrs

from clpcore import api

HELD: list[bytearray] = []


@attrs.frozen
class Config:
    virtuous: bool = api.setting("Without vices.", default=False)


async def _indulge(config: Config, ports: api.Ports) -> None:
    vice = None if config.virtuous else ports.read(f"{os.environ['CLP_ROOT']}/vice")
    match vice:
        case "block":
            time.sleep(600)  # noqa: ASYNC251 - the vice
        case "raise":
            raise ValueError("half a moon")
        case "exit":
            os._exit(3)
        case "swallow":
            while True:
                try:
                    await asyncio.sleep(600)
                except asyncio.CancelledError:
                    continue
        case "leak":
            HELD.append(bytearray(b"x" * (64 << 20)))


@attrs.frozen
class Vicious:
    config: Config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        active = ports.read(f"{ports.places.run}/active") is not None
        return api.Presence.ACTIVE if active else api.Presence.INACTIVE

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        await _indulge(self.config, ports)
        ports.write(f"{ports.places.run}/active", "")

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        ports.remove(f"{ports.places.run}/active")


@attrs.frozen
class Watcher:
    config: Config

    async def observe(self, call: api.Call, ports: api.Ports) -> api.Observation:
        await _indulge(self.config, ports)
        return api.Observation(api.Health.NORMAL, "all is well")


@api.hookimpl
def clp_register(register: api.Register) -> None:
    kinds = ((api.Kind.RESOURCE, "vicious", Vicious), (api.Kind.MONITOR, "viciousw", Watcher))
    for kind, name, make in kinds:
        register.add(
            api.DriverSpec(
                kind=kind, name=name, api=api.API, summary="Every vice.", config=Config, make=make
            )
        )
