"""Script resources, and the monitor of the processes that they leave running."""

from __future__ import annotations

from clpcore import api
from clpcore_exec import monitor, resource


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
