"""A port that answers a load balancer's health probe where the group is active, and its monitor."""

from __future__ import annotations

from clpcore import api
from clpcore_lbpp import monitor, resource


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
