"""The product's commands on real servers: what they say is what has happened.

What each of them says in the states that operators meet by night is recorded in product/*.txt:
``$ clpstat`` is typed, the rest is what comes: plain lines from stdout, ``! `` from stderr, and the
exit code if it is not 0. CLP_RECORD=1 writes them anew: read the difference before you keep it.
"""

from __future__ import annotations

import os
import re
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_COMMANDS = {
    *("clpcfctrl", "clpcl", "clpdown", "clpgrp", "clplogcc", "clplogcmd", "clpmonctrl"),
    *("clprexec", "clprsc", "clpstat", "clpstdn", "clptrnreq"),
}
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
    _run(cluster, "node2", "clprexec --notice mrw1 -k NIC.eth0 -h node1")
    cluster.until(lambda: cluster.group("node2")["server"] == "node2")
    cluster.until(lambda: cluster.group("node2")["state"] == "Online")
    cluster.until(lambda: not cluster.group("node2")["servers"]["node1"]["can_take"])
    _run(cluster, "node1", "clprexec --clear mrw1")
    cluster.until(lambda: cluster.group("node2")["servers"]["node1"]["can_take"])


def test_a_suspended_monitor_stays_so_over_a_stop_of_the_cluster(cluster: Trial) -> None:
    _run(cluster, "node1", "clpmonctrl -s -m lbppw1 -h node1")
    _run(cluster, "node1", "clpcl -t -a")
    _run(cluster, "node1", "clpmonctrl -s -m lbppw1 -h node2")
    _run(cluster, "node1", "clpcl -s -a -w 20")
    assert [_looks(cluster, "lbppw1", on) for on in cluster.names] == ["Suspend", "Suspend"]
    _run(cluster, "node2", "clpmonctrl -r -m lbppw1")
    cluster.until(lambda: _looks(cluster, "lbppw1", "node2") == "Online")
    assert _looks(cluster, "lbppw1", "node1") == "Suspend"


def _looks(cluster: Trial, monitor: str, on: str) -> str:
    """Give the state of a monitor on one server, as that server shows it."""
    return str(cluster.monitor(monitor, on)["servers"][on]["state"])


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


_DIALOGUES = Path(__file__).with_name("product")


def _stop(cluster: Trial) -> str:
    """The agents are there, the cluster is stopped."""
    _run(cluster, "node1", "clpcl -t -a")
    return "node1"


def _half_start(cluster: Trial) -> str:
    """node2 is off, and node1 has been off."""
    cluster.lab.kill("node2")
    cluster.lab.kill("node1")
    cluster.lab.start("node1")
    cluster.until(lambda: cluster.status("node1")["phase"] == "starting")
    cluster.until(lambda: _states(cluster, "node1", "resources") == {"Offline"})
    return "node1"


def _part(cluster: Trial) -> str:
    """Nothing passes between the two."""
    cluster.lab.cut("node1", "node2")
    cluster.until(lambda: cluster.server("node1", by="node2")["state"] == "Unknown")
    cluster.until(lambda: (cluster.group("node2")["because"] or {}).get("key") == "rc530")
    cluster.until(lambda: "node1" not in cluster.agent("node2")["network"]["sessions"])
    return "node2"


def _states(cluster: Trial, by: str, what: str) -> set[str]:
    return {each["state"] for each in cluster.group(by)[what]}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "begin"),
    [("stopped", _stop), ("half_started", _half_start), ("partitioned", _part)],
)
def test_every_command_says_what_is_recorded(
    name: str, begin: Callable[[Trial], str], make_cluster: MakeCluster
) -> None:
    cluster = make_cluster(_MRW)
    cluster.wait_ready()
    cluster.until(lambda: cluster.monitor("mrw1", "node1")["state"] == "Normal")
    for server in cluster.names:
        script = cluster.lab.server(server).root / "etc/clpcore/requests/it.sh"
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\necho it ran\n")
        script.chmod(0o755)
    here = begin(cluster)
    path = _DIALOGUES / f"{name}.txt"
    before = path.read_text()
    parts = re.split(r"^\$ (.*)\n", before, flags=re.MULTILINE)
    assert {line.split()[0] for line in parts[1::2]} == _COMMANDS
    after = parts[0] + "\n".join(_exchange(cluster, here, line) for line in parts[1::2])
    if os.environ.get("CLP_RECORD"):
        path.write_text(after)
    assert after == before


def _exchange(cluster: Trial, server: str, line: str) -> str:
    ran = cluster.run(server, f"PATH={_BIN}:$PATH {line}")
    told = f"$ {line}\n"
    if line == "clpstdn":  # this machine may be off before the command has said anything
        cluster.until(lambda: cluster.lab.status().server(server).power == "off")
        return f"{told}(the machine is off)\n"
    told += ran.stdout + "".join(f"! {complaint}\n" for complaint in ran.stderr.splitlines())
    told += f"exit {ran.returncode}\n" if ran.returncode else ""
    told = re.sub(r"\b\d{6}-[0-9a-f]{12}\b", "REVISION", told)
    return told.replace(str(cluster.lab.server(server).root), "ROOT")
