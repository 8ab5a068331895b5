"""Drivers that must warm up: one that does, and one for faulty_cold that cannot."""

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


def _fails() -> None:
    raise ImportError("no cloud here")


WARM = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="warm",
    api=api.API,
    summary="Warms up.",
    config=Config,
    make=Warm,
    warm_up=lambda: _warm.append("once"),
)
COLD = attrs.evolve(WARM, name="cold", warm_up=_fails)


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(WARM)
