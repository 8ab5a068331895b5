"""A floating IP address that follows its group on one network, and its monitor."""

from __future__ import annotations

from clpcore import api
from clpcore_fip import monitor, resource


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
