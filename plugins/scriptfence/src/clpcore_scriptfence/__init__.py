"""Forced stop by a script of the operator's, for machines that no other driver can stop."""

from __future__ import annotations

from clpcore import api
from clpcore_scriptfence import fence


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(fence.SPEC)
