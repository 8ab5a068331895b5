"""lanhb keeps the rules of the kit for specs; the core itself does its work."""

from __future__ import annotations

from typing import Any

import clpcore_lanhb
from clpcore import api
from clpcore.testing import Suite


class _Registered(list[Any]):
    """A register."""

    add = list.append


def _spec() -> api.DriverSpec:
    register = _Registered()
    clpcore_lanhb.clp_register(register)
    (spec,) = register
    assert isinstance(spec, api.DriverSpec)
    return spec


class TestLanhb(Suite):
    spec = _spec()
    settings = {"interconnect": 1}
