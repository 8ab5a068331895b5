"""The process monitor: do enough processes of a command line live."""

from __future__ import annotations

from clpcore import api
from clpcore_psw import monitor


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(monitor.SPEC)
