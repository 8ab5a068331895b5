"""An echo service that runs where its group is active, and its monitor."""

from __future__ import annotations

from clp_example import monitor, resource
from clpcore import api


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
