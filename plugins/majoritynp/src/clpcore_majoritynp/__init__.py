"""NP resolution by majority: configuration and documentation of what the core counts itself."""

from __future__ import annotations

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    """``[np.NAME]`` of type ``majoritynp``."""

    best_priority_wins_half: bool = api.setting(
        "Exactly half of the servers: true: enough on the side of the server with the best "
        "priority; false: on no side.",
        default=False,
        example="true",
    )


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(
        api.DriverSpec(
            kind=api.Kind.PARTITION,
            name="majoritynp",
            api=api.ApiVersion(0, 1),
            summary="Counts whether this server is with more than half of all servers.",
            config=Config,
            capabilities=frozenset({api.Capability.BUILT_IN}),
        )
    )
