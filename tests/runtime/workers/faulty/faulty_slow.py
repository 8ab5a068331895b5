"""A plugin that takes a second to load what its forced stop needs."""

from __future__ import annotations

import time

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    victim: str = api.setting("Its name out there.", default="nobody")


@attrs.frozen
class Fence:
    config: Config

    async def can_fence(self, call: api.Call, ports: api.Ports) -> api.Observation:
        return api.Observation(api.Health.NORMAL, f"{call.deadline - ports.now()} ms are left")

    async def fence(self, _call: api.Call, _ports: api.Ports) -> api.Power:
        return api.Power.OFF


SLOW = api.DriverSpec(
    kind=api.Kind.FENCE,
    name="slowfence",
    api=api.API,
    summary="Is slow to load.",
    config=Config,
    make=Fence,
    warm_up=lambda: time.sleep(1),
)


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(SLOW)
