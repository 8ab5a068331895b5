"""Azure's scheduled events: the group is gone before a reboot, and a short freeze is sat out."""

import contextlib
import os
import sys
import time
from pathlib import Path

from clp_azuresim.rehearsals.scene import Scene
from clp_azuresim.rehearsals.stage import Stage
from clp_lab.spots import Visits
from clp_lab.trial import FRONTEND
from clp_lab.visits import outage

_COMMAND = (sys.executable, "-P", "-m", "clpcore_azureevents.main", "serve")
_CONFIGURATION = "interval = 0.1                    # seconds; a real one: 1\n"
_LOG = "azureevents.log"
_FREEZE_S = 2  # twice the heartbeat timeout

SCENE = Scene(
    conf="azure-public-lb",
    extra="[cluster]\nfreeze_timeout = 4                      # a real one: 40\n",
    balancer="TestLoadBalancer",
    azure=True,
)


def play(stage: Stage) -> None:
    """A reboot, then a freeze; every server runs clp-azureevents, as systemd would have it."""
    with contextlib.ExitStack() as services, stage.trial.lab.visit(FRONTEND, every=10) as visits:
        stage.answer(visits, "node1", 0)
        for name in stage.trial.names:
            _serve(stage, services, name)
        _reboots(stage, services, visits)
        _freezes(stage, visits)


def _serve(stage: Stage, services: contextlib.ExitStack, name: str) -> None:
    """Run the service on a server until it ends, or the block does."""
    server = stage.trial.lab.server(name)
    (server.root / "etc/clpcore/azureevents.toml").write_text(_CONFIGURATION, encoding="utf-8")
    with Path(os.devnull).open("r+b") as null, (server.root / _LOG).open("ab") as log:
        stdio = (null.fileno(), null.fileno(), log.fileno())
        services.enter_context(server.start(_COMMAND, stdio=stdio))


def _reboots(stage: Stage, services: contextlib.ExitStack, visits: Visits) -> None:
    stage.step("Azure announces a reboot of node1, in 15 minutes")
    lives = stage.trial.lab.status().server("node1").lives
    announced = time.monotonic_ns()
    event = stage.azure.schedule("Reboot", ["node1"], real=True)
    stage.answer(visits, "node2", announced)
    stage.trial.until(
        lambda: stage.trial.lab.status().server("node1").lives > lives,
        complaint="the event was not approved",
    )
    gone = outage(visits.so_far(), after=announced) / 1e6
    stage.seen(f"approved when the group was gone, and rebooted; out of service for {gone:.0f} ms")
    stage.told("nm20", by="node1", after=announced)
    _serve(stage, services, "node1")
    stage.trial.wait_online()
    stage.must(stage.trial.server("node1", by="node2")["drained"], "node1 takes groups already")
    stage.explain("node1 is back, and takes no group until the event is over:")
    stage.azure.end_event(event)
    stage.told("nm31", after=announced, server="node1")
    stage.trial.home()


def _freezes(stage: Stage, visits: Visits) -> None:
    stage.step(f"Azure announces a freeze of node2, for {_FREEZE_S} s; it holds the group")
    event = stage.azure.schedule("Freeze", ["node2"], duration=_FREEZE_S)
    stage.trial.until(lambda: _is_approved(stage, event), complaint="it was not approved")
    epoch = stage.trial.group("node1")["epoch"]
    frozen = stage.trial.lab.pause("node2")
    time.sleep(_FREEZE_S)
    woken = stage.trial.lab.resume("node2")
    stage.answer(visits, "node2", woken)
    stage.azure.end_event(event)
    stage.told("nm34", after=frozen, by="node1")
    stage.never_told("nm2", after=frozen)
    stage.trial.wait_group("node2", epoch=epoch)
    stage.seen("silent for twice the heartbeat timeout, and nobody took it for dead")


def _is_approved(stage: Stage, event: str) -> bool:
    found = stage.azure.event(event)
    return found is not None and found["EventStatus"] == "Started"
