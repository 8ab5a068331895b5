"""The custom monitor: a script of the administrator's says whether all is well."""

from __future__ import annotations

from clpcore import api
from clpcore_genw import monitor


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(monitor.SPEC)
