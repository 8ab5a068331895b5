"""LAN heartbeats: configuration and documentation of the links that the agent drives itself."""

from __future__ import annotations

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    """``[heartbeat.NAME]`` of type ``lanhb``."""

    interconnect: int = api.setting(
        "Which address of every server's interconnect list the path uses; 1 is the first.",
        example="1",
        low=1,
    )


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(
        api.DriverSpec(
            kind=api.Kind.HEARTBEAT,
            name="lanhb",
            api=api.ApiVersion(0, 1),
            summary="Heartbeats between the servers over one interconnect (UDP 29002).",
            config=Config,
            capabilities=frozenset({api.Capability.BUILT_IN}),
        )
    )
