"""Monitors of the network: ``ipw`` pings addresses, ``miiw`` looks at an interface's link."""

from __future__ import annotations

from clpcore import api
from clpcore_netw import ipw, miiw


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(ipw.SPEC)
    register.add(miiw.SPEC)
