"""Which defaults a profile gives the times that a configuration does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clpcore.model.states import Profile

Defaults = Mapping[str, Any]  # values of the core's keys: durations in ms

# By table; what is not here keeps the default of the model, or of the driver.
PROFILES: Final[Mapping[Profile, Mapping[str, Defaults]]] = {
    Profile.AZURE: {},
    # 12 s without a word, 40 s with one (docs/howto/azure-events.md). Who is cut off knows within
    # 12 s; two servers that each stop the other may find silence 28 s apart.
    Profile.AZURE_FAST: {
        "cluster": {
            "heartbeat_interval": 1_000,
            "heartbeat_timeout": 12_000,
            "freeze_timeout": 40_000,
            "fence_delay": 150_000,
        },
        "np": {"timeout": 3_000, "tries": 3},
    },
    Profile.ON_PREMISES: {
        "cluster": {"heartbeat_timeout": 30_000},
        "arbiter": {"lease": 30_000, "watchdog": 10_000, "freeze": 5_000},
    },
    Profile.LAB: {
        "cluster": {
            "heartbeat_interval": 200,
            "heartbeat_timeout": 1_000,
            "startup_wait": 5_000,
            "stop_budget": 1_000,
            "fence_delay": 2_000,
        },
        "np": {"interval": 1_000, "timeout": 3_000},
        "fencing": {"timeout": 2_000, "retry_interval": 500},
        "arbiter": {
            "lease": 5_000,
            "renewal": 500,
            "timeout": 250,
            "watchdog": 1_000,
            "reset": 200,
            "freeze": 500,
        },
    },
}


def defaults(profile: Profile, table: str) -> Defaults:
    """Give the defaults of *profile* for tables of this name."""
    return PROFILES[profile].get(table, {})
