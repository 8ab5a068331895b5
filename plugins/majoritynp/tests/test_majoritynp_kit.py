"""majoritynp keeps the rules of the kit for specs; the core itself counts."""

from __future__ import annotations

from typing import Any

import clpcore_majoritynp
from clpcore import api
from clpcore.testing import Suite


class _Registered(list[Any]):
    """A register."""

    add = list.append


def _spec() -> api.DriverSpec:
    register = _Registered()
    clpcore_majoritynp.clp_register(register)
    (spec,) = register
    assert isinstance(spec, api.DriverSpec)
    return spec


class TestMajoritynp(Suite):
    spec = _spec()
    settings = {"best_priority_wins_half": True}
