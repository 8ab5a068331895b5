"""A server, or the whole cluster, stops by somebody's wish: nobody waits for a timeout."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_MS = 1_000_000
_NEVER = 30  # seconds of heartbeat timeout: what happens in a test did not wait for it


def _wait_offline(cluster: Trial, server: str, by: str) -> None:
    cluster.until(lambda: cluster.server(server, by)["state"] == "Offline")


def test_an_agent_that_is_terminated_hands_over_and_ends_with_0(make_cluster: MakeCluster) -> None:
    """R44: the good-bye says that nothing runs there any more; no timeout, and it is proof."""
    cluster = make_cluster(timeout=_NEVER)
    cluster.wait_ready()
    asked = cluster.lab.agent_stop("node1")
    cluster.wait_group("node2", epoch=2)
    left = cluster.wait_told("nm14", by="node2", after=asked, server="node1")
    online = cluster.wait_told("rc11", by="node2", after=asked)
    assert online.at - asked < _NEVER / 2 * 1_000 * _MS
    assert left.at - asked < _NEVER / 2 * 1_000 * _MS
    cluster.until(lambda: cluster.lab.status().server("node1").agent == "stopped")
    assert "the agent ended with 0" in cluster.log("node1")
    assert cluster.kept("node1") == {}
    assert cluster.server("node1", by="node2")["state"] == "Offline"
    # Everything is proven: this server may start it again, whoever asks.
    cluster.do("node2", "group", "stop", "failover1")
    cluster.do("node2", "group", "start", "failover1")
    cluster.lab.agent_start("node1")
    cluster.wait_online()


def test_a_server_that_is_shut_down_hands_over_first(make_cluster: MakeCluster) -> None:
    """R44: the same, when the machine itself stops in order."""
    cluster = make_cluster(timeout=_NEVER)
    cluster.wait_ready()
    cluster.lab.stop("node1")
    cluster.wait_group("node2", epoch=2)
    cluster.until(lambda: cluster.lab.status().server("node1").power == "off")
    assert cluster.lab.status().server("node1").because == "stopped"


def test_a_server_stops_and_starts_at_an_operators_wish(make_cluster: MakeCluster) -> None:
    """Its agent stays and obeys; a new life begins, although the machine went on (R11)."""
    cluster = make_cluster(timeout=_NEVER)
    cluster.wait_ready()
    agent = cluster.agent("node1")["pid"]
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        said = cluster.do("node2", "server", "stop", "node1")
        assert "The cluster service of node1 is stopped" in said
        cluster.wait_group("node2", epoch=2)
        visits.wait_for(lambda visit: visit.who == "node2")
    assert cluster.server("node1", by="node1")["state"] == "Offline"
    assert cluster.server("node1", by="node2")["state"] == "Offline"
    cluster.do("node2", "server", "start", "node1")
    cluster.wait_online()
    assert cluster.agent("node1")["boot"] == 2
    assert cluster.agent("node1")["pid"] == agent
    cluster.wait_group("node2", by="node1", epoch=2)


def test_a_stopped_server_stays_stopped_when_its_agent_restarts(cluster: Trial) -> None:
    cluster.do("node1", "server", "stop")
    killed = cluster.lab.agent_kill("node1")
    cluster.wait_told("pm1", by="node1", after=killed)
    for name in cluster.names:
        _wait_offline(cluster, "node1", by=name)
    assert cluster.kept("node1") == {}
    cluster.do("node1", "server", "start")
    cluster.wait_online()


def test_the_cluster_stops_everywhere_and_starts_again(make_cluster: MakeCluster) -> None:
    """A stop of the cluster moves nothing, and a start starts what the configuration says."""
    cluster = make_cluster(timeout=_NEVER)
    cluster.wait_ready()
    cluster.do("node2", "cluster", "stop")
    for name in cluster.names:
        _wait_offline(cluster, name, by=name)
        assert cluster.kept(name) == {}
    assert cluster.told("rc10", by="node2") is None
    cluster.do("node2", "cluster", "start")
    cluster.wait_ready()


def test_a_group_that_was_stopped_stays_stopped_when_agents_restart(cluster: Trial) -> None:
    """The wish is in the record that all servers agreed on, not in somebody's memory."""
    cluster.do("node1", "group", "stop", "failover1")
    for name in cluster.names:
        killed = cluster.lab.agent_kill(name)
        cluster.wait_told("pm1", by=name, after=killed)
        cluster.wait_online()
    group = cluster.group("node1")
    assert (group["state"], group["wanted"]) == ("Offline", "stopped")
    assert {**cluster.kept("node1"), **cluster.kept("node2")} == {}
    cluster.do("node2", "group", "start", "failover1")
    cluster.wait_group("node1", by="node2", epoch=2)
