"""The application ends, or its probe port does: it is repaired in place, and what shows is true."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from clp_lab.beside import beside, holding
from clp_lab.trial import FRONTEND, PROBE, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_MS = 1_000_000
_KILL_FOR_EVER = r"""
echo begun
while sleep 0.02
do
    kept="$CLP_ROOT/run/clpcore/kept/failover1/exec1/start.json"
    kill -9 $(sed 's/.*"pid": *\([0-9]*\).*/\1/' "$kept")
done 2>/dev/null
"""
_RARELY = "[monitor.pidw1]\ninterval = 60\n"  # what is seen within it was an event


def test_a_killed_application_is_reactivated_in_place_at_once(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(_RARELY)
    cluster.wait_ready()
    before = cluster.kept("node1")
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        killed = time.monotonic_ns()
        cluster.run("node1", f"kill -9 {before['exec1']}")
        ended = cluster.wait_told("rm140", by="node1", after=killed, resource="exec1")
        repaired = cluster.wait_told("rc11", by="node1", after=killed, epoch="1")
        visits.wait_for(lambda visit: visit.who == "node1", after=repaired.at)
    # Its speed is the benchmark's matter; here: long before pidw1 looks again.
    assert ended.at - killed < 5_000 * _MS
    assert repaired.at - killed < 10_000 * _MS
    after = cluster.kept("node1")
    assert after["exec1"] != before["exec1"]
    assert cluster.told("rm13", by="node1", monitor="pidw1", count="1") is not None
    assert cluster.told("rc10", by="node2") is None


def test_an_application_that_keeps_ending_is_reactivated_thrice_and_then_fails_over(
    make_cluster: MakeCluster,
) -> None:
    """R31: the ladder counts; when it is used up, the group goes to the other server."""
    cluster = make_cluster("[monitor.pidw1]\nreset_after = 10\n")
    cluster.wait_ready()
    began = time.monotonic_ns()
    with beside(cluster.lab.server("node1"), "sh", "-c", _KILL_FOR_EVER):
        cluster.wait_told("rm14", by="node1", after=began, monitor="pidw1")
        cluster.wait_group("node2", by="node1", epoch=2)
    rungs = [each.args["count"] for each in cluster.journal("node1") if each.key == "rm13"]
    assert rungs == ["1", "2", "3"]


def test_a_killed_probe_port_is_opened_again(cluster: Trial) -> None:
    before = cluster.kept("node1")
    killed = time.monotonic_ns()
    cluster.run("node1", f"kill -9 {before['lbpp1']}")
    cluster.wait_told("rc31", by="node1", after=killed, resource="lbpp1")
    after = cluster.wait_group("node1") and cluster.kept("node1")
    assert after["lbpp1"] != before["lbpp1"]
    assert after["exec1"] == before["exec1"]


def test_a_strangers_probe_port_is_named_and_the_group_goes_elsewhere(
    make_cluster: MakeCluster,
) -> None:
    """R40: a service that no client could find does not stay where it is."""
    cluster = make_cluster(declares=["two actives"])  # the stranger is one, for the auditor
    cluster.wait_ready()
    cluster.do("node1", "group", "stop", "failover1")
    cluster.do("node1", "monitor", "suspend", "lbppw1")  # else it may see the stranger first
    began = time.monotonic_ns()
    with holding(cluster.lab.server("node1"), "tcp", PROBE):
        started = cluster.clp("node1", "group", "start", "failover1", "--to", "node1")
        cluster.do("node1", "monitor", "resume", "lbppw1")
        cluster.wait_group("node2", by="node1")
        # A standby on which somebody listens is no destination.
        refuses = cluster.until(lambda: cluster.group("node2")["servers"]["node1"]["because"])
        shown = cluster.monitor("lbppw1", by="node2")["servers"]["node1"]
    cluster.until(lambda: cluster.group("node2")["servers"]["node1"]["can_take"])
    failed = cluster.told("rc32", by="node1", after=began, resource="lbpp1")
    assert failed is not None
    assert re.search(rf"port {PROBE} .*python", failed.args["reason"])
    assert cluster.told("rc201", by="node1", after=began, server="node2") is not None
    assert started.returncode == 1
    assert "Group failover1 went to node2 instead" in started.stderr
    assert (refuses["key"], shown["state"]) == ("rc548", "Caution")
    assert {overlap.port for overlap in cluster.overlaps()} == {PROBE}
