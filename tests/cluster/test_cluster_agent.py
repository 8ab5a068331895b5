"""The agent dies and comes back: no client notices, no ownership changes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_SLOW = {
    "slow/slow1/start.sh": """
        exec 9> "$CLP_SCRIPT_PATH/lock"
        flock --nonblock 9 || echo beside >> "$CLP_SCRIPT_PATH/starts"
        echo begin >> "$CLP_SCRIPT_PATH/starts"
        sleep 1.5
        echo end >> "$CLP_SCRIPT_PATH/starts"
    """,
    "slow/slow1/stop.sh": "exit 0",
}


def _wait_for_start(cluster: Trial, server: str, start: int) -> None:
    cluster.until(lambda: cluster.agent(server)["start"] == start)


def test_killing_the_agent_fails_no_request(make_cluster: MakeCluster) -> None:
    """The epoch is confirmed again by all, not claimed anew; what runs is not touched."""
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    before = cluster.kept("node1")
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.answered)
        began = time.monotonic_ns()
        for start in (2, 3, 4):
            cluster.lab.agent_kill("node1")
            _wait_for_start(cluster, "node1", start)
            cluster.wait_ready()
        cluster.wait_told("nm12", by="node2", after=began, start="4")
        last = time.monotonic_ns()
        visits.wait_for(lambda visit: visit.answered, after=last)
        failed = [visit for visit in visits.so_far() if visit.begin > began and not visit.answered]
    assert failed == []
    assert cluster.kept("node1") == before
    assert cluster.wait_group("node1", by="node2")["epoch"] == 1
    assert cluster.told("nm2", after=began) is None
    assert cluster.told("rc40", after=began) is None


def test_killing_both_agents_at_once_fails_no_request(cluster: Trial) -> None:
    before = cluster.kept("node1")
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.answered)
        began = time.monotonic_ns()
        for name in cluster.names:
            cluster.lab.agent_kill(name)
        for name in cluster.names:
            _wait_for_start(cluster, name, 2)
        cluster.wait_ready()
        failed = [visit for visit in visits.so_far() if visit.begin > began and not visit.answered]
    assert failed == []
    assert cluster.kept("node1") == before
    assert cluster.group("node2")["epoch"] == 1


def test_an_activation_that_dies_with_its_agent_is_begun_again(make_cluster: MakeCluster) -> None:
    """R10: what was begun is in the journal and the marker; two starts never run side by side."""
    cluster = make_cluster('[group.slow.resource.slow1]\ntype = "exec"\n', scripts=_SLOW)
    starts = (
        cluster.lab.server("node1").root
        / "var/lib/clpcore/revisions/current/scripts/slow/slow1/starts"
    )
    cluster.until(starts.exists)
    cluster.lab.agent_kill("node1")
    cluster.wait_group("node1", "slow", by="node2", epoch=1)
    cluster.wait_ready()
    said = starts.read_text().split()
    assert "beside" not in said
    assert said.count("begin") == 2
    assert said[-1] == "end"


@pytest.mark.parametrize(
    ("who", "told"), [("node1", "rc20"), ("node1", "rc41"), ("node2", "rc529"), ("node2", "rc31")]
)
def test_an_agent_that_dies_within_a_move_leaves_one_active(
    make_cluster: MakeCluster, who: str, told: str
) -> None:
    """R13: nobody goes on by a plan; what each agent finds when it is back decides."""
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    began = time.monotonic_ns()
    cluster.clp("node1", "group", "move", "failover1", "--to", "node2", "--wait", "0")
    cluster.wait_told(told, by=who, after=began)
    cluster.lab.agent_kill(who)
    _wait_for_start(cluster, who, 2)
    cluster.wait_online()

    def settled() -> bool:
        shown = {(g["server"], g["state"], g["epoch"]) for g in map(cluster.group, cluster.names)}
        return len(shown) == 1 and shown.pop()[1] == "Online"

    cluster.until(settled)
    home = cluster.group("node1")["server"]
    assert len(cluster.kept(home)) == 2
    assert cluster.kept("node1" if home == "node2" else "node2") == {}
