"""Disks that several servers see, mounted where the group is active, and their monitor."""

from __future__ import annotations

from clpcore import api
from clpcore_disk import monitor, resource


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(resource.SPEC)
    register.add(monitor.SPEC)
