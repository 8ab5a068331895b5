"""How long an agent that leaves may take."""

from __future__ import annotations

from typing import Final

from clpcore.model.config import ClusterConfig

_LEAVE_EXTRA: Final = 10_000  # ms beyond what the slowest group may take to stop


def leave_limit(config: ClusterConfig) -> int:
    """Give how long a clean leave may take, in ms: groups stop side by side, resources in turn."""
    stops = [
        sum(
            (1 + resource.deactivation_retry) * resource.deactivate_timeout + resource.probe_timeout
            for resource in group.resources
        )
        for group in config.groups
    ]
    return max(stops, default=0) + _LEAVE_EXTRA
