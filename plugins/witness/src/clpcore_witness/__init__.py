"""The witness: heartbeats and an arbiter behind one web server, for many clusters."""

from __future__ import annotations

from clpcore import api
from clpcore_witness import arbiter, heartbeat


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(heartbeat.SPEC)
    register.add(arbiter.SPEC)
