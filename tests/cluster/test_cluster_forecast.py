"""What `clp simulate` says of a running cluster, and what then happens."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

_UNPROVEN = "[cluster]\nunproven_takeover = true\n"


@pytest.mark.parametrize(("extra", "home"), [("", "node1"), (_UNPROVEN, "node2")])
def test_what_is_forecast_of_a_kill_is_what_happens(
    make_cluster: Callable[..., Trial], extra: str, home: str
) -> None:
    cluster = make_cluster(extra)
    cluster.wait_ready()
    forecast = json.loads(cluster.do("node2", "simulate", "kill", "node1", "--json"))
    (group,) = forecast["groups"]
    assert group["before"] == "node1"
    assert (group["after"] or "node1") == home
    foretold = {event["key"] for event in forecast["events"] if event["server"] == "node2"}
    killed = cluster.lab.kill("node1")
    if home == "node2":
        cluster.wait_group("node2", epoch=2)
        assert "rc11" in foretold
    else:
        cluster.wait_told("nm2", by="node2", after=killed)
        assert cluster.kept("node2") == {}
        assert "rc11" not in foretold
