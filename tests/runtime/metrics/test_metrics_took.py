"""How long calls took, for forecasts."""

from __future__ import annotations

from clpcore.runtime.metrics.tally import Tally


def test_the_average_of_each_kind_of_call_is_given_in_ms() -> None:
    tally = Tally()
    for seconds in (0.1, 0.3):
        tally.call("exec", "activate", "ok", seconds)
    tally.call("lbpp", "probe", "ok", 0.0001)
    assert tally.took() == {"exec/activate": 200, "lbpp/probe": 1}
