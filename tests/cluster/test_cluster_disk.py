"""The store is full or broken, the configuration wrong: the service goes on, a message helps."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator

import pytest

from clp_lab.spots import Visits
from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

_STORE = '"$CLP_ROOT"/var/lib/clpcore'


@contextlib.contextmanager
def _served(cluster: Trial) -> Iterator[Visits]:
    """Let a client come all the time; each visit must be answered."""
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.answered)
        began = time.monotonic_ns()
        yield visits
        failed = [visit for visit in visits.so_far() if visit.begin > began and not visit.answered]
    assert failed == []


def _troubles(cluster: Trial, server: str) -> list[str]:
    return [trouble["key"] for trouble in cluster.status(server)["troubles"]]


def test_a_full_store_interrupts_no_service_and_recovers(cluster: Trial) -> None:
    """Nothing is begun that could not be remembered; all of it is, once there is room."""
    cluster.lab.agent_stop("node2")
    cluster.until(lambda: cluster.lab.status().server("node2").agent == "stopped")
    cluster.run("node2", f"mount -t tmpfs -o size=8m none {_STORE}")
    cluster.lab.agent_start("node2")
    cluster.wait_ready()
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")
    before = cluster.kept("node2")
    with _served(cluster):
        filled = cluster.run("node2", f"cat /dev/zero > {_STORE}/fill")
        assert "No space left" in filled.stderr
        suspended = cluster.clp("node2", "monitor", "suspend", "pidw1", "--wait", "0.5")
        cluster.until(lambda: _troubles(cluster, "node2") == ["pm500"])
        why = cluster.clp("node2", "status").stdout
        beats = cluster.agent("node2")["lateness"]["beats"]
        cluster.until(lambda: cluster.agent("node2")["lateness"]["beats"] > beats + 12)
        assert cluster.server("node2", by="node1")["state"] == "Online"
        cluster.run("node2", f"rm {_STORE}/fill")
        cluster.until(lambda: _troubles(cluster, "node2") == [])
    assert suspended.returncode in {0, 4}
    assert "cannot be written" in why
    assert cluster.kept("node2") == before
    cluster.until(lambda: "pm501" in cluster.log("node2"))
    cluster.until(lambda: cluster.monitor("pidw1", by="node1")["state"] == "Suspend")
    cluster.do("node2", "monitor", "resume", "pidw1")
    cluster.do("node2", "group", "move", "failover1", "--to", "node1")
    cluster.wait_group("node1", by="node2")


def test_a_broken_store_is_set_aside_and_the_others_tell_what_it_held(cluster: Trial) -> None:
    """R10: what only the boot remembers is enough to go on; the peer agrees to the epoch."""
    before = cluster.kept("node1")
    cluster.journal("node1")
    folder = cluster.lab.server("node1").root / "var/lib/clpcore"
    with _served(cluster):
        for file in folder.glob("store.db*"):
            file.write_bytes(b"no database any more" * 1_000)
        killed = cluster.lab.agent_kill("node1")
        cluster.wait_told("pm502", by="node1", after=killed)
        cluster.wait_told("rc554", by="node1", after=killed, group="failover1", epoch="1")
        cluster.wait_ready()
    assert cluster.kept("node1") == before
    assert cluster.group("node2")["epoch"] == 1
    assert list(folder.glob("store.db.broken-*"))
    assert cluster.told("rc40", after=killed) is None
    cluster.do("node1", "group", "move", "failover1", "--to", "node2")


def test_a_configuration_error_keeps_the_agent_down_and_the_service_up(cluster: Trial) -> None:
    """Exit code 78, every problem with its place; corrected, the agent goes on where it was.

    The committed revision is gone, so that the files in /etc count as on a first start.
    """
    before = cluster.kept("node1")
    root = cluster.lab.server("node1").root
    file = root / "etc/clpcore/conf.d/cluster.toml"
    good = file.read_text()
    with _served(cluster):
        shutil.rmtree(root / "var/lib/clpcore/revisions")
        file.write_text(good.replace("port = 26001", 'prot = 26001\ncolour = "red"'))
        killed = cluster.lab.agent_kill("node1")
        cluster.until(lambda: "the agent ended with 78" in cluster.log("node1"))
        cluster.wait_told("nm2", by="node2", after=killed)
        checked = cluster.clp("node1", "config", "check")
        file.write_text(good)
        cluster.until(lambda: cluster.agent("node1")["boot"] == 1)
        cluster.wait_ready()
    said = cluster.log("node1")
    line = 1 + good.split("\n").index("port = 26001")
    assert f"{file}:{line}: error: group.failover1.resource.lbpp1.prot" in said
    assert "Did you mean port?" in said
    assert f"{file}:{line + 1}: error: group.failover1.resource.lbpp1.colour" in said
    assert "prot" in checked.stdout
    assert checked.returncode == 78
    assert cluster.kept("node1") == before
    assert cluster.group("node2")["epoch"] == 1
