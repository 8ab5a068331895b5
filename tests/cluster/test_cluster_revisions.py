"""Servers whose configurations differ: older ones adopt, split ones are told, changes collide."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(90)]

MakeCluster = Callable[..., Trial]

_WATCH = "[monitor.pidw1]\ninterval = {}\n"
_THIRD = '[server.node3]\npriority = 3\ninterconnect = ["10.5.0.112"]\n'
_NAMES, _FILES = ("quick", "slow"), ("begin", "stop")
_GROUP = """
[group.{name}]
startup_servers = ["node1", "node2"]
[group.{name}.resource.{name}1]
type = "exec"
start = "begin.sh"
"""


def _conf(cluster: Trial, server: str) -> Path:
    return cluster.lab.server(server).root / "etc/clpcore/conf.d"


def _folder(cluster: Trial, server: str) -> Path:
    return cluster.lab.server(server).root / "var/lib/clpcore/revisions"


def _edit(cluster: Trial, server: str, interval: float) -> None:
    (_conf(cluster, server) / "watch.toml").write_text(_WATCH.format(interval))


def _names(cluster: Trial, by: str) -> dict[str, str]:
    return dict(cluster.status(by)["revisions"])


def _wait_one(cluster: Trial, number: int) -> str:
    def one() -> str:
        found = {name for by in cluster.names for name in _names(cluster, by).values()}
        fits = len(found) == 1 and min(found).startswith(f"{number:06}-")
        return found.pop() if fits else ""

    return cluster.until(one, complaint=f"not all have revision {number}")


def _stop_agent(cluster: Trial, server: str) -> None:
    cluster.lab.agent_stop(server)
    cluster.until(lambda: cluster.lab.status().server(server).agent != "running")


def _forget(cluster: Trial, server: str) -> None:
    """Put the server's kept revisions back to what its working copy was at its first start."""
    shutil.rmtree(_folder(cluster, server))


def test_an_edit_that_is_not_applied_is_told_and_not_used(cluster: Trial) -> None:
    _edit(cluster, "node1", 0.7)
    cluster.lab.agent_kill("node1")
    cluster.wait_told("cf1", by="node1", server="node1", difference="1 files differ")
    cluster.wait_ready()
    assert cluster.agent("node1")["troubles"][0]["key"] == "cf1"
    assert "+interval = 0.7" in cluster.do("node1", "config", "diff")
    assert set(_names(cluster, "node1").values()) == {_wait_one(cluster, 1)}


def test_a_server_that_was_away_adopts(make_cluster: MakeCluster) -> None:
    """It is named, refused, then left out; its working copy follows what it adopts."""
    cluster = make_cluster(timeout=2)
    cluster.wait_ready()
    cluster.do("node2", "server", "stop", "node2")
    cluster.lab.kill("node2")
    cluster.until(lambda: cluster.server("node2", "node1")["state"] == "Offline")
    _edit(cluster, "node1", 0.7)
    refused = cluster.clp("node1", "config", "apply", "--yes")
    assert refused.returncode == 1
    assert "clp config apply --without node2" in refused.stderr
    cluster.do("node1", "config", "apply", "--yes", "--without", "node2")
    assert _names(cluster, "node1")["node1"].startswith("000002-")
    cluster.lab.start("node2")
    cluster.wait_told("cf3", by="node2", peer="node1")
    _wait_one(cluster, 2)
    cluster.wait_online()
    assert (_conf(cluster, "node2") / "watch.toml").read_text() == _WATCH.format(0.7)


def test_a_silent_server_is_left_out_only_by_force(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(timeout=1)
    cluster.wait_ready()
    cluster.lab.kill("node2")
    cluster.wait_told("nm2", by="node1")
    _edit(cluster, "node1", 0.7)
    refused = cluster.clp("node1", "config", "apply", "--yes", "--without", "node2")
    assert refused.returncode == 1
    assert "has not left cleanly" in refused.stderr
    cluster.do("node1", "config", "apply", "--yes", "--without", "node2", "--force")
    cluster.lab.start("node2")
    _wait_one(cluster, 2)


def test_one_number_with_two_configurations_is_told_and_mended(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    first = _wait_one(cluster, 1)
    _stop_agent(cluster, "node2")
    _forget(cluster, "node2")
    _edit(cluster, "node2", 0.7)
    cluster.lab.agent_start("node2")
    told = cluster.wait_told("cf6", by="node1", peer="node2")
    cluster.wait_told("cf6", by="node2", peer="node1")
    assert told.args["mine"] == first
    assert "clp config adopt node2" in cluster.do("node1", "why")
    assert "Servers have different ones" in cluster.do("node1", "config", "history")
    cluster.do("node2", "config", "adopt", "node1")
    cluster.wait_told("cf7", by="node1", peer="node2")
    assert _wait_one(cluster, 1) == first
    cluster.wait_ready()
    # The other way: the right one is applied once more, over whatever the others have.
    _edit(cluster, "node1", 0.9)
    cluster.do("node1", "config", "apply", "--yes", "--force")
    _wait_one(cluster, 2)


def test_two_at_once_collide(cluster: Trial) -> None:
    """One of them wins at most; the other one learns whose change it met."""
    for server, interval in (("node1", 0.7), ("node2", 0.9)):
        _edit(cluster, server, interval)
    with ThreadPoolExecutor(2) as pool:
        running = [
            pool.submit(cluster.clp, server, "config", "apply", "--yes", timeout=60)
            for server in cluster.names
        ]
    ends = [one.result().returncode for one in running]
    assert ends.count(0) <= 1
    cluster.wait_ready()
    names = {name for by in cluster.names for name in _names(cluster, by).values()}
    assert len(names) == 1
    assert names.pop().startswith("000002-" if 0 in ends else "000001-")


def test_rollback_is_a_new_revision_with_the_old_digest(cluster: Trial) -> None:
    _edit(cluster, "node1", 0.7)
    cluster.do("node1", "config", "apply", "--yes")
    cluster.wait_ready()
    diff = json.loads(cluster.do("node2", "config", "diff", "1", "2", "--json"))
    assert [change["what"] for change in diff["changes"]] == ["monitor pidw1: interval"]
    cluster.do("node2", "config", "rollback", "1", "--yes")
    _wait_one(cluster, 3)
    told = json.loads(cluster.do("node1", "config", "history", "--json"))
    first, _, third = told["revisions"]
    assert first["digest"] == third["digest"]
    assert third["comment"] == f"as 000001-{first['digest'][:12]}"
    assert (third["by"], third["server"]) == ("root", "node2")
    assert not (_conf(cluster, "node1") / "watch.toml").exists()
    missing = cluster.clp("node1", "config", "rollback", "9", "--yes")
    assert "node1 keeps no revision 9" in missing.stderr


@contextlib.contextmanager
def _restarting(make_cluster: MakeCluster, *, timeout: float, stop: float) -> Iterator[Trial]:
    """Two groups that node1 stops to apply other scripts: one at once, one takes *stop* seconds."""
    scripts = {f"{name}/{name}1/{file}.sh": "exit 0" for name in _NAMES for file in _FILES}
    scripts["slow/slow1/stop.sh"] = f"sleep {stop}"
    conf = "".join(_GROUP.format(name=name) for name in _NAMES)
    cluster = make_cluster(conf, timeout=timeout, scripts=scripts)
    cluster.wait_ready("failover1", *_NAMES)
    for name in _NAMES:
        script = _conf(cluster, "node1").with_name("scripts") / f"{name}/{name}1/begin.sh"
        script.write_text("#!/bin/sh\nexit 0 # changed\n")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(cluster.clp, "node1", "config", "apply", "--yes", timeout=60)
        yield cluster


def test_a_group_that_was_stopped_to_apply_runs_again_whatever_happens(
    make_cluster: MakeCluster,
) -> None:
    """The coordinator dies while it stops groups: nothing is committed, and they all come back."""
    with _restarting(make_cluster, timeout=5, stop=1) as cluster:
        cluster.wait_told("rc40", by="node1", group="slow")
        cluster.until(lambda: cluster.group("node1", "quick")["wanted"] == "stopped")
        cluster.lab.agent_kill("node1")
    cluster.wait_told("cf9", by="node1", group="quick", seconds=30)
    for name in _NAMES:
        cluster.wait_group("node1", name, by="node2")
    assert _wait_one(cluster, 1)
    cluster.until(lambda: not (_folder(cluster, "node1") / "restart.json").exists())
    assert cluster.group("node2")["epoch"] == 1


def test_groups_that_were_stopped_run_again_without_the_machine_that_stopped_them(
    make_cluster: MakeCluster,
) -> None:
    """It is gone for ever; the other server has noted them, and takes them."""
    with _restarting(make_cluster, timeout=1, stop=2) as cluster:
        cluster.until(lambda: cluster.group("node2", "quick")["wanted"] == "stopped")
        cluster.lab.kill("node1")
    cluster.wait_told("nm2", by="node2")
    cluster.do("node2", "server", "start", "--alone")
    cluster.wait_told("cf9", by="node2", group="quick", seconds=40)
    for name in _NAMES:
        cluster.wait_group("node2", name, by="node2", seconds=30)
    cluster.until(lambda: not (_folder(cluster, "node2") / "restart.json").exists())


def test_agents_go_together_where_heartbeats_change(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    (_conf(cluster, "node1") / "timeout.toml").write_text("[cluster]\nheartbeat_timeout = 4\n")
    assert "heartbeats pause" in cluster.do("node1", "config", "apply", "--yes")
    _wait_one(cluster, 2)
    cluster.wait_ready()
    assert cluster.agent("node1")["start"] == cluster.agent("node2")["start"] == 2
    assert cluster.group("node1")["epoch"] == 1


def test_a_server_takes_another_revision_without_an_agent(make_cluster: MakeCluster) -> None:
    """Whoever runs the broken one adopts the new one."""
    cluster = make_cluster(timeout=5)
    cluster.wait_ready()
    _edit(cluster, "node1", 0.7)
    cluster.do("node1", "config", "apply", "--yes")
    cluster.wait_ready()
    rollback = ("config", "rollback", "1", "--yes", "--offline")
    refused = cluster.clp("node2", *rollback)
    assert refused.returncode == 1
    assert "another agent of this server runs" in refused.stderr
    cluster.do("node1", "server", "stop", "node2")
    _stop_agent(cluster, "node2")
    assert "is committed here" in cluster.do("node2", *rollback)
    cluster.lab.agent_start("node2")
    assert _wait_one(cluster, 3)
    assert not (_conf(cluster, "node1") / "watch.toml").exists()


def test_three_servers(make_cluster: MakeCluster) -> None:
    """All take part; one that was killed right then adopts from whoever has it."""
    cluster = make_cluster(_THIRD, timeout=5)
    cluster.wait_ready()
    _edit(cluster, "node3", 0.7)
    with ThreadPoolExecutor(1) as pool:
        applying = pool.submit(cluster.clp, "node3", "config", "apply", "--yes", timeout=60)
        folder = _folder(cluster, "node3")
        cluster.until(lambda: any(folder.glob("000002-*")) or applying.done())
        cluster.lab.agent_kill("node2")
    assert "is on node3, node1, node2" in applying.result().stdout
    _wait_one(cluster, 2)
    cluster.wait_ready()
    assert cluster.group("node3")["epoch"] == 1


def test_a_server_is_taken_out_and_put_in_again(make_cluster: MakeCluster) -> None:
    """Out only after it has left; in again, it adopts what it meets; the service never stops."""
    cluster = make_cluster(_THIRD, timeout=5)
    cluster.wait_ready()
    extra = _conf(cluster, "node1") / "extra.toml"
    extra.write_text("")
    refused = cluster.clp("node1", "config", "apply", "--yes")
    assert refused.returncode == 1
    assert "clp server stop node3" in refused.stderr
    cluster.do("node1", "server", "stop", "node3")
    _stop_agent(cluster, "node3")
    cluster.do("node1", "config", "apply", "--yes")
    cluster.wait_online("node1", "node2")
    assert [server["name"] for server in cluster.status("node2")["servers"]] == ["node1", "node2"]
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")
    cluster.do("node1", "group", "move", "failover1", "--to", "node1")
    extra.write_text(_THIRD)
    cluster.do("node1", "config", "apply", "--yes")
    cluster.lab.agent_start("node3")
    cluster.wait_told("cf3", by="node3")
    cluster.do("node3", "server", "start", "node3")
    _wait_one(cluster, 3)
    cluster.wait_ready()


def _quick_on_node2(make_cluster: MakeCluster) -> Trial:
    scripts = {f"quick/quick1/{file}.sh": "exit 0" for file in _FILES}
    cluster = make_cluster(_GROUP.format(name="quick"), scripts=scripts)
    cluster.wait_ready("failover1", "quick")
    cluster.do("node1", "group", "move", "quick", "--to", "node2")
    return cluster


_OTHER = "[group.quick.resource.quick1]\nstart_timeout = 9\n"


def test_a_group_on_a_silent_server_keeps_its_change_from_all(make_cluster: MakeCluster) -> None:
    """By no force: nobody can stop it there before it changes."""
    cluster = _quick_on_node2(make_cluster)
    cluster.lab.cut("node1", "node2")
    cluster.wait_told("nm2", by="node1")
    (_conf(cluster, "node1") / "more.toml").write_text(_OTHER)
    force = ("--yes", "--without", "node2", "--force")
    refused = cluster.clp("node1", "config", "apply", *force)
    assert refused.returncode == 1
    assert "Group quick, which the change restarts, does not stop" in refused.stderr
    cluster.lab.heal()
    _wait_one(cluster, 1)
    cluster.wait_group("node2", "quick", by="node1", epoch=2)


def test_a_server_adopts_no_change_of_a_group_that_runs_on_it(make_cluster: MakeCluster) -> None:
    """What it runs would be left to a configuration that did not start it."""
    cluster = _quick_on_node2(make_cluster)
    _forget(cluster, "node2")
    (_conf(cluster, "node2") / "more.toml").write_text(_OTHER)
    cluster.lab.agent_kill("node2")
    cluster.wait_told("cf6", by="node2", peer="node1")
    cluster.wait_group("node2", "quick", by="node1", epoch=2)
    refused = cluster.clp("node2", "config", "adopt", "node1")
    assert refused.returncode == 1
    assert "it changes group quick, which is not stopped here" in refused.stderr
    cluster.do("node2", "group", "stop", "quick")
    cluster.do("node2", "config", "adopt", "node1")
    _wait_one(cluster, 1)
