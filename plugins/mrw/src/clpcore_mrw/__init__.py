"""The message-receive monitor: an event from outside is an error until it is cleared."""

from __future__ import annotations

from clpcore import api
from clpcore_mrw import monitor


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(monitor.SPEC)
