"""Monitors about the server itself: does it still work, and what other monitors say together."""

from __future__ import annotations

from clpcore import api
from clpcore_userw import several, userspace


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(userspace.SPEC)
    register.add(several.SPEC)
