"""What operators ask for, seen by a client and by whoever reads the exit code."""

from __future__ import annotations

import pytest

from clp_lab.trial import FRONTEND, Trial
from clp_lab.visits import outage

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

_MS = 1_000_000


def test_a_move_is_short_and_clean_for_clients(cluster: Trial) -> None:
    """R40: the old server refuses before the new one accepts."""
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        said = cluster.do("node1", "group", "move", "failover1")
        first = visits.wait_for(lambda visit: visit.who == "node2")
        visits.wait_for(lambda visit: visit.who == "node2", after=first.end + 200 * _MS)
        seen = list(visits.so_far())
    assert "Group failover1 has moved" in said
    assert cluster.group("node1")["server"] == "node2"
    assert outage(seen, after=first.begin) < 3_000 * _MS
    late = [visit for visit in seen if visit.who == "node1" and visit.begin > first.begin]
    assert late == []


def test_refusals_name_the_reason_and_the_exit_code_is_stable(cluster: Trial) -> None:
    cluster.do("node1", "config", "check")
    lines = (
        ("group move failover1 --to node1", 1, "is on node1 already"),
        ("group start failover1 --to node2", 1, "clp group move failover1 --to SERVER"),
        ("group start failover1", 0, "runs"),
        ("group move nothing", 1, "there are: failover1"),
        ("group move failover1 --to node9", 1, "did you mean"),
        ("group fly failover1", 2, "move"),
        ("monitor dummy-failure on lbppw1 --server node1", 1, "clp cluster verification on"),
        ("group stop failover1", 0, "is stopped"),
        ("group stop failover1", 0, "is stopped"),
        ("group move failover1", 1, "is not online anywhere"),
        ("group start failover1 --to node2 --wait 0.001", 4, "it goes on"),
    )
    wrong = []
    for line, code, words in lines:
        done = cluster.clp("node1", *line.split())
        if done.returncode != code or words not in done.stdout + done.stderr:
            wrong.append((line, done.returncode, done.stdout, done.stderr))
    assert wrong == []
    cluster.wait_group("node2")


def test_nothing_is_moved_to_a_server_that_is_not_there(cluster: Trial) -> None:
    killed = cluster.lab.kill("node2")
    cluster.wait_told("nm2", by="node1", after=killed)
    moved = cluster.clp("node1", "group", "move", "failover1", "--to", "node2")
    assert moved.returncode == 1
    assert "node2 is not an online member" in moved.stderr
    stopped = cluster.clp("node1", "server", "stop", "node2")
    assert stopped.returncode == 1
    assert "node2 cannot be reached" in stopped.stderr
    asked = cluster.lab.start("node2")
    cluster.wait_told("nm20", by="node2", after=asked)
    cluster.wait_group("node1", by="node2", epoch=1)


def test_without_an_agent_clp_says_so(cluster: Trial) -> None:
    cluster.lab.agent_stop("node2")
    cluster.until(lambda: cluster.lab.status().server("node2").agent == "stopped")
    for words in (("status",), ("group", "stop", "failover1")):
        done = cluster.clp("node2", *words)
        assert done.returncode == 3
        assert "no agent answers at" in done.stderr
    cluster.wait_group("node1", epoch=1)


def test_a_suspended_monitor_sees_nothing_until_it_is_resumed(cluster: Trial) -> None:
    cluster.do("node1", "monitor", "suspend", "lbppw1")
    cluster.until(lambda: cluster.monitor("lbppw1", by="node2")["state"] == "Suspend")
    before = cluster.kept("node1")["lbpp1"]
    cluster.run("node1", f"kill -9 {before}")
    cluster.wait_told("rm140", by="node1", resource="lbpp1")
    assert cluster.told("rm9", by="node1") is None
    cluster.do("node1", "monitor", "resume", "lbppw1")
    cluster.wait_told("rm13", by="node1", monitor="lbppw1")
    cluster.wait_group("node1", by="node2", epoch=1)
    cluster.until(lambda: cluster.kept("node1").get("lbpp1") not in {None, before})
