"""Set-ups that nobody means: two services of one server, one machine of two servers, no server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clpcore_azureevents import cluster, config, decide, events, machines, memory


def test_a_second_service_of_a_server_is_refused(tmp_path: Path) -> None:
    """Each would forget what the other has drained the server for."""
    file = tmp_path / config.FILE
    file.parent.mkdir(parents=True)
    file.write_text('endpoint = "http://127.0.0.1:1"\n')
    command = [sys.executable, "-m", "clpcore_azureevents.main", "serve"]
    environ = {**os.environ, "CLP_ROOT": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr
        first.stderr.readline()
        second = subprocess.run(
            command, env=environ, capture_output=True, text=True, check=False, timeout=20
        )
        first.terminate()
    assert second.returncode == 1
    assert second.stderr.startswith("clp-azureevents: another one serves this server")
    assert first.returncode == 0
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as third:
        assert third.stderr
        assert "ConnectError" in third.stderr.readline()  # the first has left the place to it
        third.terminate()


def test_one_machine_for_two_others_is_a_doubt() -> None:
    """node2 is node3 to the file, and so is node3: an event of it may happen to either."""
    found = machines.told({"node2": "Node3"}, "node1", "node1", ("node1", "node2", "node3"))
    assert "node2 and node3" in found.doubt
    assert "[machines]" in found.doubt


def test_an_agent_of_a_server_that_is_none_of_the_cluster_is_told() -> None:
    """As after a revision without this server."""
    status: dict[str, object] = {
        "server": "node9",
        "leader": None,
        "suspended": False,
        "endured_freeze_ms": 1,
        "servers": [],
        "groups": [],
    }
    with pytest.raises(cluster.Unreadable, match="node9"):
        cluster.cluster(status)


def test_one_word_is_given_for_all_that_has_the_same_id() -> None:
    """Azure's ids are its own; a document that says otherwise approves nothing by halves."""
    servers = tuple(
        cluster.Server(name=name, state="Online", drained=name == "node1", groups=groups)
        for name, groups in (("node1", ()), ("node2", ("failover1",)))
    )
    seen = cluster.Cluster(me="node1", servers=servers, endured=30_000)
    twice = tuple(
        events.Event(id="E1", type="Reboot", resources=(name,), started=False)
        for name in ("node1", "node2")
    )
    known = memory.Known(ours=True, drained=("E1",))
    told = machines.told({}, "node1", "node1", ("node1", "node2"))
    assert decide.decide(twice, seen, known, told, 100).asks == ()
    assert decide.decide(twice[:1], seen, known, told, 100).asks == (decide.Approve("E1"),)
