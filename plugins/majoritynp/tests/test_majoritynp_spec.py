"""majoritynp is a spec: it is registered, documented, and has nothing that could be called."""

from __future__ import annotations

import pytest

import clpcore_majoritynp
from clpcore import api, config, host


@pytest.fixture
def spec() -> api.DriverSpec:
    return host.load_one("majoritynp").specs[api.Kind.PARTITION, "majoritynp"]


def test_the_core_does_the_work(spec: api.DriverSpec) -> None:
    assert spec.capabilities == {api.Capability.BUILT_IN}
    assert spec.make is None


def test_half_of_the_servers_is_no_majority_unless_told_otherwise(spec: api.DriverSpec) -> None:
    assert config.structure(spec, {}) == clpcore_majoritynp.Config(best_priority_wins_half=False)


@pytest.mark.parametrize("table", [{"best_priority_wins_half": "yes"}, {"servers": 3}])
def test_what_is_no_setting_is_refused(spec: api.DriverSpec, table: dict[str, object]) -> None:
    with pytest.raises(config.BadSettings, match=next(iter(table))):
        config.structure(spec, table)
