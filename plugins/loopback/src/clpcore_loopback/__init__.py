"""An address on the loopback interface, for direct server return, and its monitor."""

from __future__ import annotations

from clpcore import api
from clpcore_loopback import monitor, resource


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
