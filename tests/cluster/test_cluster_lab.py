"""The rehearsal that everybody runs first, and clusters that share nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clp_lab import demo
from clp_lab.conf import plan_of
from clp_lab.lab import Lab
from clp_lab.trial import FRONTEND, Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]


def test_the_demo_sees_everything_it_promises(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert demo.rehearse() == 0
    assert time.monotonic() - began < 60
    said = capsys.readouterr().out
    assert "All of it was seen by the client; never two actives." in said
    for phase in ("detected", "reactivated 3", "decided", "deactivated", "activated", "answered"):
        assert f"\n  {phase} " in said


def test_two_clusters_with_the_same_names_and_addresses_do_not_meet(
    make_cluster: MakeCluster,
) -> None:
    one, other = make_cluster(), make_cluster()
    for cluster in (one, other):
        cluster.wait_ready()
    before = {name: other.journal(name) for name in other.names}
    killed = one.lab.kill("node1")
    one.wait_told("nm2", by="node2", after=killed)
    assert {name: other.journal(name) for name in other.names} == before
    assert other.agent("node2")["network"]["dropped"] == {}
    other.wait_ready()


def test_nothing_of_a_cluster_outlives_its_lab(key: Path) -> None:
    """What the agents keep running are processes of their own: they end with their server."""
    lab = Lab(plan_of(demo.demo_conf(), key))
    with lab:
        with lab.visit(FRONTEND) as visits:
            visits.wait_for(lambda visit: visit.answered)
        pids = [pid for name in ("node1", "node2") for pid in lab.pids(name)]
        os.kill(lab.status().keeper, signal.SIGKILL)
    assert len(pids) >= 8
    left = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert left == []
    assert not lab.folder.exists()
