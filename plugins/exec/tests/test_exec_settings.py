"""Settings of exec that the check refuses: what nothing starts, and what nothing would stop."""

from __future__ import annotations

import pytest

from clpcore_exec.resource import Config, validate


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (Config(stop=""), "stop"),  # nothing would stop what the start script has left running
        (Config(start=""), "start"),
        (Config(start="", start_sync=False), "start"),
    ],
)
def test_what_nothing_starts_or_stops_is_refused(config: Config, key: str) -> None:
    assert [problem.key for problem in validate(config)] == [key]


@pytest.mark.parametrize("config", [Config(), Config(stop="", start_sync=False)])
def test_what_is_ended_with_signals_needs_no_stop_script(config: Config) -> None:
    assert list(validate(config)) == []
