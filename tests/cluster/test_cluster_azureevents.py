"""Azure's scheduled events: groups are gone before a reboot, and short freezes are sat out.

The services are real processes, one for each server, with the metadata service of a simulated
Azure; they meet the agents at their control sockets.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clp_azuresim.azure import Azure
from clp_lab.trial import Trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(60)]

MakeCluster = Callable[..., Trial]

_FREEZES = "[cluster]\nfreeze_timeout = 4\n"  # 3 s of it are endured
_COMMAND = (sys.executable, "-m", "clpcore_azureevents.main", "serve")


class Services:
    """One service for each server; its log is in the server's root."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, root: Path) -> None:
        text = f'endpoint = "{self._azure.imds[root.name]}"\ninterval = 0.1\n'
        (root / "etc/clpcore/azureevents.toml").write_text(text)
        environ = {**os.environ, "CLP_ROOT": str(root)}
        with (root / "azureevents.log").open("a") as log:
            self._running[root.name] = subprocess.Popen(_COMMAND, env=environ, stderr=log)

    def end(self, *names: str) -> None:
        """End these, or all."""
        for name in names or tuple(self._running):
            service = self._running.pop(name)
            service.terminate()
            assert service.wait(10) == 0


@pytest.fixture
def services(azure: Azure) -> Iterator[Services]:
    made = Services(azure)
    yield made
    made.end()


@pytest.fixture
def cluster(make_cluster: MakeCluster, services: Services) -> Iterator[Trial]:
    """Two servers with their services; a freeze of 2 s is silence, unless it is announced."""
    trial = make_cluster(_FREEZES)
    trial.wait_ready()
    for name in trial.names:
        services.start(trial.lab.server(name).root)
    yield trial
    services.end()  # before the lab: what it writes is in the servers' roots


def _said(cluster: Trial, server: str) -> str:
    return (cluster.lab.server(server).root / "azureevents.log").read_text()


def _approved(azure: Azure, event: str) -> bool:
    found = azure.event(event)
    return found is not None and found["EventStatus"] == "Started"


def test_groups_are_gone_before_a_reboot_and_the_server_is_taken_back(
    cluster: Trial, services: Services, azure: Azure
) -> None:
    event = azure.schedule("Reboot", ["node1"])
    cluster.until(lambda: _approved(azure, event))
    assert cluster.group("node2")["server"] == "node2"
    assert cluster.server("node1", by="node2")["drained"]
    services.end("node1")
    cluster.lab.kill("node1")
    cluster.lab.start("node1")
    cluster.wait_online()
    services.start(cluster.lab.server("node1").root)
    assert cluster.server("node1", by="node2")["drained"]
    azure.end_event(event)
    cluster.until(lambda: not cluster.server("node1", by="node2")["drained"])
    assert "approved, as every machine in it is ready" in _said(cluster, "node1")
    cluster.wait_group("node2", epoch=2)


def test_an_announced_freeze_is_no_silence(cluster: Trial, azure: Azure) -> None:
    event = azure.schedule("Freeze", ["node1"], duration=2)
    cluster.until(lambda: _approved(azure, event))
    assert cluster.server("node1", by="node2")["freeze"] == "expected"
    paused = cluster.lab.pause("node1")
    # Twice the heartbeat timeout, and what was announced.
    cluster.until(lambda: cluster.server("node1", by="node2")["heard_ms_ago"] > 2_000)
    cluster.lab.resume("node1")
    cluster.wait_told("nm90", by="node1", after=paused)
    azure.end_event(event)
    cluster.wait_told("nm34", by="node2", after=paused)
    assert cluster.told("nm2", by="node2", after=paused) is None
    cluster.wait_group("node1", epoch=1)
    paused = cluster.lab.pause("node1")
    cluster.wait_told("nm2", by="node2", after=paused)
    cluster.lab.resume("node1")
    cluster.wait_online()


def test_the_last_server_is_not_drained_into_nothing(cluster: Trial, azure: Azure) -> None:
    cluster.do("node2", "server", "stop")
    event = azure.schedule("Redeploy", ["node1"])
    cluster.until(lambda: "ON HOLD" in _said(cluster, "node1"))
    assert not cluster.server("node1", by="node1")["drained"]
    assert not _approved(azure, event)
    cluster.do("node2", "server", "start")
    cluster.until(lambda: _approved(azure, event))
    cluster.wait_group("node2", epoch=2)
    azure.end_event(event)
    cluster.until(lambda: not cluster.server("node1", by="node2")["drained"])
