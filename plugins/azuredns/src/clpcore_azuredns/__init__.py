"""A name in Azure DNS that follows its group, and its monitor."""

from __future__ import annotations

from clpcore import api
from clpcore_azuredns import specs


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(specs.AZUREDNS)
    register.add(specs.AZUREDNSW)
