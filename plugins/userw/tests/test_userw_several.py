"""mtw is a spec; its settings are checked here, and counted in the core."""

from __future__ import annotations

import pytest

from clpcore import api, host
from clpcore.testing import Suite
from clpcore_userw import several
from clpcore_userw.several import Config, validate


class TestMtw(Suite):
    spec = several.SPEC
    settings = {"monitors": ["genw1", "ipw1", "ipw2"], "error_threshold": 2, "warning_threshold": 1}


def test_the_core_does_the_work() -> None:
    spec = host.load_one("userw").specs[api.Kind.MONITOR, "mtw"]
    assert spec.capabilities == {api.Capability.BUILT_IN}
    assert spec.make is None


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (Config(monitors=("a", "b")), []),
        (Config(monitors=("a", "b"), error_threshold=2, warning_threshold=1), []),
        (Config(monitors=("a", "b"), warning_threshold=1), []),
        (Config(monitors=()), ["monitors"]),
        (Config(monitors=("a", "b", "a")), ["monitors"]),
        (Config(monitors=("a", "b"), error_threshold=3), ["error_threshold"]),
        (Config(monitors=("a", "b"), warning_threshold=2), ["warning_threshold"]),
        (
            Config(monitors=("a", "b"), error_threshold=1, warning_threshold=1),
            ["warning_threshold"],
        ),
    ],
)
def test_thresholds_that_are_never_reached_are_found(config: Config, wrong: list[str]) -> None:
    assert [problem.key for problem in validate(config)] == wrong
