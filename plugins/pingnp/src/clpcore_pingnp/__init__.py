"""NP resolution by ping: a server that no target answers is the one that is cut off."""

from __future__ import annotations

from clpcore import api
from clpcore_pingnp import partition


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(partition.SPEC)
