"""A third party's driver has a vice: it harms neither heartbeats nor service nor other calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clp_lab.plan import servers
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_LATE = ("100", "200", "500", "1000", "more")  # beats that were later than 50 ms
_GROUPS = """
[group.bad.resource.bad1]
type = "vicious"
activate_timeout = 0.5

[monitor.badw1]
type = "viciousw"
target = "bad1"
interval = 0.2
timeout = 0.5
max_reactivations = 0
max_failovers = 0

[group.good.resource.good1]
type = "vicious"
virtuous = true

[monitor.goodw1]
type = "viciousw"
target = "good1"
virtuous = true
interval = 0.2
timeout = 10
"""


@pytest.fixture
def cluster(make_cluster: MakeCluster, request: pytest.FixtureRequest) -> Trial:
    """Two servers with the third party's plugin, whose two groups are on node1."""
    plugin = {"PYTHONPATH": str(Path(__file__).parent / "vices")}
    both = tuple(attrs.evolve(server, environment=plugin) for server in servers(2))
    declares = ["bugs"] if "raise" in request.node.name else []  # the driver's own
    cluster = make_cluster(_GROUPS, servers=both, declares=declares)
    cluster.wait_ready("failover1", "bad", "good")
    return cluster


def _set_vice(cluster: Trial, vice: str) -> None:
    (cluster.lab.server("node1").root / "vice").write_text(vice)


def _late_beats(cluster: Trial) -> int:
    histogram = cluster.agent("node1")["lateness"]["up_to_ms"]
    return sum(histogram[edge] for edge in _LATE)


def _badw1(cluster: Trial) -> tuple[str, str]:
    shown = cluster.monitor("badw1", by="node2")["servers"]["node1"]
    return shown["state"], shown["detail"]


@pytest.mark.parametrize(
    ("vice", "state", "detail"),
    [
        ("block", "Online Failure", "was blocked by a driver and had to be killed"),
        ("raise", "Caution", "driver bug: ValueError: half a moon"),
        ("exit", "Caution", "exited with 3"),
        ("swallow", "Online Failure", "nor when cancelled"),
    ],
)
def test_a_monitor_with_a_vice_harms_only_itself(
    cluster: Trial, vice: str, state: str, detail: str
) -> None:
    """R25, R37: a worker is killed and replaced; the agent's loop never waits for a driver."""
    before, late = cluster.kept("node1"), _late_beats(cluster)
    began = time.monotonic_ns()
    _set_vice(cluster, vice)
    cluster.until(lambda: (_badw1(cluster)[0] == state) and detail in _badw1(cluster)[1])
    cluster.do("node1", "group", "move", "good", "--to", "node2")
    cluster.do("node1", "group", "move", "good", "--to", "node1")
    cluster.until(lambda: cluster.monitor("goodw1", by="node2")["state"] == "Normal")
    assert _late_beats(cluster) == late
    assert cluster.kept("node1") == before
    for key in ("nm2", "rc32", "rc42", "rm13", "rm14"):
        assert cluster.told(key, after=began) is None
    for key in ("rm4", "rm9", "rm50"):
        assert cluster.told(key, after=began, monitor="goodw1") is None
    _set_vice(cluster, "none")
    cluster.until(lambda: _badw1(cluster)[0] == "Online")
    for group in ("failover1", "bad", "good"):
        cluster.wait_group("node1", group, by="node2")


def test_a_driver_that_leaks_memory_is_moved_to_a_new_worker(cluster: Trial) -> None:
    before, late = cluster.kept("node1"), _late_beats(cluster)
    _set_vice(cluster, "leak")
    cluster.until(lambda: cluster.log("node1").count("of plugin vices") >= 2)
    assert "was replaced" in cluster.log("node1")
    assert cluster.told("rm9") is None
    assert cluster.told("rm4") is None
    assert _late_beats(cluster) == late
    assert cluster.kept("node1") == before


@pytest.mark.parametrize("vice", ["block", "exit"])
def test_an_activation_with_a_vice_goes_elsewhere(cluster: Trial, vice: str) -> None:
    """R25: past its deadline it is asked what became of it; the other server does it."""
    before = cluster.kept("node1")
    cluster.do("node1", "group", "stop", "bad")
    began = time.monotonic_ns()
    _set_vice(cluster, vice)
    started = cluster.clp("node1", "group", "start", "bad")
    cluster.wait_group("node2", "bad", by="node1")
    failed = cluster.told("rc32", by="node1", after=began, resource="bad1")
    assert failed is not None
    assert started.returncode == 0, started.stderr
    assert "Group bad went to node2 instead" in started.stderr
    assert failed.args["reason"] in cluster.do("node1", "why", "bad")
    assert cluster.kept("node1") == before
    assert cluster.told("nm2", after=began) is None
