"""What operators take out of the cluster's hands, for their work, and their own scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_UNPROVEN = "[cluster]\nunproven_takeover = true\n"
_HOOK = 'echo "$CLP_HOOK $CLP_EVENT $CLP_SERVER $CLP_GROUPNAME $CLP_RESOURCENAME:$CLP_MONITORNAME"'
_LOG = "cat $CLP_ROOT/var/log/clpcore/failover1/exec1/hooks.log"


def test_a_drained_server_is_empty_and_stays_so_over_a_reboot(cluster: Trial) -> None:
    said = cluster.do("node2", "server", "drain", "node1")
    assert "Server node1 is drained" in said
    cluster.wait_group("node2", epoch=2)
    cluster.lab.kill("node1")
    cluster.lab.start("node1")
    cluster.wait_online()
    cluster.wait_told("nm20", by="node1")
    assert "drained; end it: clp server undrain node1" in cluster.do("node1", "status")
    refused = cluster.clp("node1", "group", "move", "failover1")
    assert refused.returncode == 1
    assert "node1 is drained" in refused.stderr
    cluster.do("node1", "server", "undrain", "node1")
    cluster.do("node1", "group", "move", "failover1")
    cluster.wait_group("node1", epoch=3)


def test_a_suspended_cluster_does_nothing_until_it_is_resumed(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(_UNPROVEN)
    cluster.wait_ready()
    cluster.do("node2", "cluster", "suspend")
    assert "SUSPENDED" in cluster.do("node1", "status")
    killed = cluster.lab.kill("node1")
    cluster.wait_told("nm2", by="node2", after=killed)
    restarted = cluster.lab.agent_kill("node2")
    cluster.wait_told("rc66", by="node2", after=restarted)
    assert "SUSPENDED" in cluster.do("node2", "status")
    assert cluster.kept("node2") == {}
    assert cluster.told("rc60", by="node2") is None
    cluster.do("node2", "cluster", "resume")
    cluster.wait_group("node2", epoch=2)


def test_a_resource_stopped_by_hand_is_not_watched_and_not_repaired(cluster: Trial) -> None:
    refused = cluster.clp("node2", "resource", "stop", "exec1")
    assert refused.returncode == 1
    assert "exec1 is needed by lbpp1" in refused.stderr
    assert "exec1 of failover1 is stopped" in cluster.do(
        "node2", "resource", "stop", "exec1", "--force"
    )
    assert cluster.kept("node1") == {}
    cluster.until(lambda: cluster.monitor("pidw1", by="node2")["state"] == "Offline")
    restarted = cluster.lab.agent_kill("node1")
    cluster.wait_told("nm25", by="node1", after=restarted)
    cluster.until(lambda: cluster.group("node1")["state"] == "Online")
    assert cluster.group("node1")["because"]["key"] == "rc583"
    assert cluster.kept("node1") == {}
    cluster.do("node1", "resource", "start", "lbpp1", "--force")
    cluster.until(lambda: cluster.group("node2")["because"] is None)
    assert {row["state"] for row in cluster.group("node1")["resources"]} == {"Online"}
    before = cluster.kept("node1")
    cluster.do("node2", "group", "restart", "failover1")
    assert not before.items() & cluster.kept("node1").items()
    cluster.wait_group("node1", epoch=1)


def test_hook_scripts_run_with_what_they_need_to_know(make_cluster: MakeCluster) -> None:
    """One that fails is told, and what it stands before goes on."""
    points = ("before_activation", "after_activation", "before_deactivation", "after_deactivation")
    scripts = {f"failover1/exec1/{point}.sh": _HOOK for point in points}
    scripts["failover1/exec1/after_deactivation.sh"] = f"{_HOOK}\nexit 3"
    scripts["monitor/pidw1/before_reactivation.sh"] = _HOOK
    cluster = make_cluster(scripts=scripts)
    cluster.wait_ready()
    assert cluster.run("node1", _LOG).stdout.splitlines() == [
        "before_activation START HOME failover1 exec1:",
        "after_activation START HOME failover1 exec1:",
    ]
    (pid,) = (pid for name, pid in cluster.kept("node1").items() if "exec1" in name)
    cluster.run("node1", f"kill -9 {pid}")
    cluster.wait_told("rc585", by="node1")
    cluster.until(lambda: cluster.group("node1")["state"] == "Online")
    assert cluster.run("node1", _LOG).stdout.splitlines()[2:] == [
        "before_reactivation RECOVER HOME failover1 exec1:pidw1",
        "before_deactivation RECOVER HOME failover1 exec1:",
        "after_deactivation RECOVER HOME failover1 exec1:",
        "before_activation RECOVER HOME failover1 exec1:",
        "after_activation RECOVER HOME failover1 exec1:",
    ]
    failed = cluster.told("rc585", by="node1")
    assert failed is not None
    assert failed.args["reason"] == ("exit 3: after_deactivation RECOVER HOME failover1 exec1:")
