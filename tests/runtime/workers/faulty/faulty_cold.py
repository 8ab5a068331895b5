"""A plugin whose driver cannot warm up."""

import attrs

from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    pass


def _fails() -> None:
    raise ImportError("no cloud here")


@api.hookimpl
def clp_register(register: api.Register) -> None:
    spec = api.DriverSpec(
        kind=api.Kind.MONITOR,
        name="cold",
        api=api.API,
        summary="Never looks.",
        config=Config,
        make=lambda _: None,  # type: ignore[arg-type,return-value]  # never called
        warm_up=_fails,
    )
    register.add(spec)
