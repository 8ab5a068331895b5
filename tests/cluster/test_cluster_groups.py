"""Groups that have to do with each other, and a monitor of the server itself, with real agents."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

_SECOND = """
[group.second]
start_after = ["failover1"]

[group.second.resource.exec2]
type = "exec"

[exclusion.apart]
rule = "absolute"
groups = ["failover1", "second"]

[monitor.genw1]
type = "genw"
interval = 0.3
timeout = 5
retry = 0
recovery_target = "all groups"
max_reactivations = 0
"""
_SCRIPTS = {
    "second/exec2/start.sh": "exit 0",
    "second/exec2/stop.sh": "exit 0",
    "monitor/genw1/genw.sh": "exit 0",
}


def test_groups_keep_apart_and_a_server_that_is_ill_gives_them_away(
    make_cluster: Callable[..., Trial],
) -> None:
    cluster = make_cluster(_SECOND, scripts=_SCRIPTS)
    cluster.wait_group("node1", by="node2")
    cluster.wait_group("node2", "second", by="node1")
    refused = cluster.clp("node1", "group", "move", "second", "--to", "node1")
    assert refused.returncode == 1
    assert "exclusion rule apart never lets both be on one server" in refused.stderr
    assert cluster.monitor("genw1", by="node2")["state"] == "Normal"
    cluster.do("node1", "cluster", "verification", "on")
    ill = time.monotonic_ns()
    cluster.do("node1", "monitor", "dummy-failure", "on", "genw1", "--server", "node1")
    cluster.wait_told("rm9", by="node1", after=ill, monitor="genw1")
    cluster.wait_told("rc65", by="node1", after=ill, group="failover1")
    cluster.do("node2", "group", "stop", "second")
    cluster.wait_told("rm14", by="node1", after=ill, group="failover1", server="node2")
    cluster.wait_group("node2", by="node1")
    assert cluster.group("node1", "second")["wanted"] == "stopped"
