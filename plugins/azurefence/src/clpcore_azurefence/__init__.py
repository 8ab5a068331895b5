"""Forced stop of a server that is an Azure virtual machine: powered off, and read as off."""

from __future__ import annotations

from clpcore import api
from clpcore_azurefence import spec


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(spec.SPEC)
