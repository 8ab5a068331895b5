"""NP resolution by HTTP: a server that no web server answers is the one that is cut off."""

from __future__ import annotations

from clpcore import api
from clpcore_httpnp import partition


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(partition.SPEC)
