"""The driver as the core sees it; what is heavy is imported in workers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clpcore import api
from clpcore_azurefence.settings import Config, validate

if TYPE_CHECKING:
    from clpcore_azurefence.fence import AzureFence


def warm_up() -> None:
    """Import the SDK, so that no forced stop waits for it."""
    from clpcore_azurefence import fence  # noqa: F401, PLC0415 - 0.4 s, 40 MiB
    from clpcore_lib_azure import session  # noqa: PLC0415 - as above

    session.warm_up()


def _make(config: Config) -> AzureFence:
    from clpcore_azurefence.fence import AzureFence  # noqa: PLC0415 - as above

    return AzureFence(config)


SPEC: Final = api.DriverSpec(
    kind=api.Kind.FENCE,
    name="azure",
    api=api.ApiVersion(0, 1),
    summary="Powers a silent server's virtual machine off in Azure, and reads that it is off.",
    config=Config,
    make=_make,
    validate=validate,
    warm_up=warm_up,
    # Azure has taken 12 s to power off; guides for other clusters allow it minutes.
    defaults={"timeout": 120_000, "check_timeout": 30_000},
)
