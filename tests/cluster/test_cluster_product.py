"""The product's commands on real servers: what they say is what has happened."""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_BIN = Path(sys.executable).parent
_MRW = '[monitor.mrw1]\ntype = "mrw"\ntarget = "exec1"\ncategory = "NIC"\ninterval = 0.2\n'


def _run(cluster: Trial, server: str, line: str) -> list[str]:
    """Run a command that must succeed on a server; give its output's lines."""
    ran = cluster.run(server, f"PATH={_BIN}:$PATH {line}")
    assert ran.returncode == 0, ran
    return ran.stdout.splitlines()


def test_groups_servers_and_the_cluster_obey(cluster: Trial) -> None:
    assert _run(cluster, "node2", "clpgrp -m failover1 -a node2") == ["Command succeeded."]
    assert _run(cluster, "node1", "clpgrp -n failover1") == ["node2"]
    assert "   *server0 : node1" in _run(cluster, "node1", "clpstat -g")
    stopped = ["Stop node1 : Command succeeded.", "Stop node2 : Command succeeded."]
    assert _run(cluster, "node1", "clpcl -t -a") == stopped
    assert "      current        : None" in _run(cluster, "node1", "clpstat")
    _run(cluster, "node1", "clpcl -s -a -w 20")
    assert {each["state"] for each in cluster.status("node1")["servers"]} == {"Online"}


def test_a_notice_moves_the_group_away_until_it_is_cleared(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(_MRW)
    cluster.wait_ready()
    _run(cluster, "node1", "clprexec --notice mrw1 -k NIC.eth0")
    cluster.until(lambda: cluster.group("node2")["server"] == "node2")
    cluster.until(lambda: cluster.group("node2")["state"] == "Online")
    cluster.until(lambda: not cluster.group("node2")["servers"]["node1"]["can_take"])
    _run(cluster, "node1", "clprexec --clear mrw1")
    cluster.until(lambda: cluster.group("node2")["servers"]["node1"]["can_take"])


def test_a_machine_goes_with_its_server_and_what_scripts_say_is_kept(cluster: Trial) -> None:
    _run(cluster, "node1", "clplogcmd -m hello -l WARN -i 3")
    said = cluster.wait_told("logcmd2", by="node1")
    assert said.args["text"] == "hello"
    folder = cluster.lab.server("node1").root
    _run(cluster, "node1", "clplogcc -l")
    with tarfile.open(folder / "var/log/clpcore/node1-log.tar.gz") as bundle:
        key = (folder / "etc/clpcore/cluster.key").read_bytes().strip()
        files = [bundle.extractfile(member) for member in bundle.getmembers()]
        assert not any(key in file.read() for file in files if file)
    _run(cluster, "node2", "clpdown -h node1")
    cluster.until(lambda: cluster.lab.status().server("node1").power == "off")
    cluster.until(lambda: cluster.group("node2")["state"] == "Online")
    assert cluster.told("rc60", by="node2") is None  # a planned move, no failover
