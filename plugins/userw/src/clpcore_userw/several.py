"""``mtw``: what several monitors say together; the core, which knows their states, counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    """``[monitor.NAME]`` of type ``mtw``."""

    monitors: tuple[str, ...] = api.setting(
        "The monitors whose states on this server are counted.", example='["genw1", "ipw1"]'
    )
    error_threshold: int = api.setting(
        "How many of them must be in error for an error; 0: all.",
        default=0,
        example="2",
        low=0,
    )
    warning_threshold: int = api.setting(
        "How many of them must be in error for a warning; 0: there is no warning.",
        default=0,
        example="1",
        low=0,
    )


def validate(config: Config) -> Iterable[api.Problem]:
    """Find monitors named twice, and thresholds that are never reached."""
    names, error = config.monitors, config.error_threshold or len(config.monitors)
    if not names:
        yield api.Problem("monitors", "There is no monitor to count.", "Name two or more.")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield api.Problem("monitors", f"{name} is named twice.", "Name each monitor once.")
    if error > len(names):
        yield api.Problem(
            "error_threshold",
            f"{error} of {len(names)} monitors can never be in error.",
            f"Give {len(names)} or less, or 0 for all.",
        )
    if names and config.warning_threshold >= error:
        yield api.Problem(
            "warning_threshold",
            f"{config.warning_threshold} in error are an error already.",
            "Give less than error_threshold, or 0 for no warning.",
        )


SPEC: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="mtw",
    api=api.ApiVersion(0, 1),
    summary="Counts how many of several monitors are in error.",
    config=Config,
    validate=validate,
    capabilities=frozenset({api.Capability.BUILT_IN}),
    defaults={"interval": 30_000, "timeout": 30_000, "retry": 0},
)
