"""A stop that fails, and power that is gone: nothing is assumed to be down."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_SHORT = "[group.failover1.resource.exec1]\nstop_timeout = 0.5\n"


@pytest.mark.parametrize("script", ["exit 1", "sleep 600"], ids=["fails", "stalls"])
def test_a_stop_that_did_not_succeed_ends_the_server_and_releases_nothing(
    make_cluster: MakeCluster, script: str
) -> None:
    """R3: the server is not trusted any more, it ends itself; R1: its next boot is the proof."""
    cluster = make_cluster(_SHORT, scripts={"failover1/exec1/stop.sh": script})
    cluster.wait_ready()
    moved = cluster.clp("node2", "group", "move", "failover1", "--to", "node2")
    assert moved.returncode != 0
    cluster.until(lambda: cluster.lab.status().server("node1").power == "off")
    assert cluster.lab.status().server("node1").because == "poweroff"
    failed = cluster.told("rc42", by="node1", resource="exec1")
    assert failed is not None
    assert cluster.told("rc242", by="node1") is not None
    assert cluster.told("rc21", by="node1") is None
    cluster.wait_told("rc530", by="node2", after=failed.at)
    assert cluster.told("rc10", by="node2") is None
    booted = cluster.lab.start("node1")
    cluster.until(lambda: cluster.group("node2")["state"] == "Online")
    claim = cluster.told("rc529", after=booted)
    assert claim is not None
    assert claim.args["evidence"] == "node1 boot 1: new boot"


def test_after_a_power_cut_of_everything_the_group_starts_anew(cluster: Trial) -> None:
    """R5, R11: all have been seen again, and every former life is proven to be over."""
    for name in cluster.names:
        cluster.lab.kill(name)
    for name in cluster.names:
        cluster.lab.start(name)
    cluster.wait_ready()
    assert cluster.group("node1")["epoch"] == 2
