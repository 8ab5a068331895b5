"""The two drivers as the core sees them; what is heavy is imported in workers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clpcore import api
from clpcore_azuredns.settings import Config, MonitorConfig, validate, validate_monitor

if TYPE_CHECKING:
    from clpcore_azuredns.monitor import Azurednsw
    from clpcore_azuredns.resource import Azuredns


def warm_up() -> None:
    """Import the SDK."""
    from clpcore_azuredns import monitor, resolution, resource  # noqa: F401, PLC0415 - 0.5 s
    from clpcore_lib_azure import session  # noqa: PLC0415 - as above

    session.warm_up()
    resolution.warm_up()


def _resource(config: Config) -> Azuredns:
    from clpcore_azuredns.resource import Azuredns  # noqa: PLC0415 - as above

    return Azuredns(config)


def _monitor(config: MonitorConfig) -> Azurednsw:
    from clpcore_azuredns.monitor import Azurednsw  # noqa: PLC0415 - as above

    return Azurednsw(config)


AZUREDNS: Final = api.DriverSpec(
    kind=api.Kind.RESOURCE,
    name="azuredns",
    api=api.ApiVersion(0, 1),
    summary="Points a name in Azure DNS to the active server.",
    config=Config,
    make=_resource,
    validate=validate,
    warm_up=warm_up,
    capabilities=frozenset({api.Capability.ADDRESS}),
    defaults={
        "activate_timeout": 120_000,
        "deactivate_timeout": 60_000,
        "probe_timeout": 30_000,
    },
    pairs_with=("azurednsw",),
    activates_after=("*",),
)

AZUREDNSW: Final = api.DriverSpec(
    kind=api.Kind.MONITOR,
    name="azurednsw",
    api=api.ApiVersion(0, 1),
    summary="Watches a name in Azure DNS: its record, and what the zone's name servers say.",
    config=MonitorConfig,
    make=_monitor,
    validate=validate_monitor,
    warm_up=warm_up,
    capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    defaults={"interval": 60_000, "timeout": 180_000, "retry": 1},
)
