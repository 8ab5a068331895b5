"""lanhb is a spec: it is registered, documented, and has nothing that could be called."""

from __future__ import annotations

import pytest

import clpcore_lanhb
from clpcore import api, config, host


@pytest.fixture
def spec() -> api.DriverSpec:
    return host.load_one("lanhb").specs[api.Kind.HEARTBEAT, "lanhb"]


def test_the_agent_does_the_work(spec: api.DriverSpec) -> None:
    assert spec.capabilities == {api.Capability.BUILT_IN}
    assert spec.make is None


def test_a_path_is_told_by_the_number_of_its_interconnect(spec: api.DriverSpec) -> None:
    assert config.structure(spec, {"interconnect": 2}) == clpcore_lanhb.Config(interconnect=2)


@pytest.mark.parametrize("table", [{}, {"interconnect": 0}, {"interconnect": "1"}, {"port": 1}])
def test_what_is_no_interconnect_is_refused(spec: api.DriverSpec, table: dict[str, object]) -> None:
    with pytest.raises(config.BadSettings, match="interconnect"):
        config.structure(spec, table)
