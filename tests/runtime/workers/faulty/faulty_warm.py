"""A plugin whose driver must warm up."""

import attrs

from clpcore import api

_warm: list[str] = []


@attrs.frozen(kw_only=True)
class Config:
    pass


class Warm:
    def __init__(self, config: Config) -> None:
        self.config = config

    async def probe(self, call: api.Call, ports: api.Ports) -> api.Presence:
        return api.Presence.ACTIVE if _warm == ["once"] else api.Presence.BROKEN

    async def activate(self, call: api.Call, ports: api.Ports) -> None:
        pass

    async def deactivate(self, call: api.Call, ports: api.Ports) -> None:
        pass


WARM = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="warm",
    api=api.API,
    summary="Warms up.",
    config=Config,
    make=Warm,
    warm_up=lambda: _warm.append("once"),
)


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(WARM)
