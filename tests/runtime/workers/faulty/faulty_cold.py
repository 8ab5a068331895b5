"""A plugin whose driver cannot warm up."""

import faulty_warm

from clpcore import api


@api.hookimpl
def clp_register(register: api.Register) -> None:
    register.add(faulty_warm.COLD)
