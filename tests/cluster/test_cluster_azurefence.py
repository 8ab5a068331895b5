"""A server dies or hangs, and Azure powers it off: the real driver, and Azure as it may be.

The virtual machines of a simulated Azure are the lab's servers: a power-off kills one, a start
gives it a new life.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from clp_azuresim import control
from clp_azuresim import main as azuresim
from clp_azuresim.azure import Azure
from clp_azuresim.roles import Role
from clp_lab import guarded
from clp_lab.conf import plan_of
from clp_lab.guarded import Protection
from clp_lab.plan import BalancerPlan
from clp_lab.trial import FRONTEND, Trial, on_trial

pytestmark = [pytest.mark.netns, pytest.mark.timeout(90)]

_AZURE: Final = "https://10.5.0.62"
_FENCING: Final = f"""
[fencing.forced_stop]
type = "azure"
timeout = 5
tries = 2
retry_interval = 0.3
check_interval = 1
check_timeout = 3
request_timeout = 1
resource_manager = "{_AZURE}"
authority = "{_AZURE}"
audience = "{_AZURE}"
private = true
ca_bundle = "/var/lib/azure-ca.pem"
certificate_file = "/var/lib/azure.pem"
resource_group = "TestGroup1"
"""
POWER_OFF: Final = "node1/powerOff"


@attrs.frozen
class Rehearsal:
    """Two servers and their Azure."""

    cluster: Trial
    azure: Azure

    def requests(self) -> list[str]:
        return [entry.query["skipShutdown"] for entry in self.azure.journal(POWER_OFF)]


@pytest.fixture
def rehearsal(key: Path, tmp_path: Path) -> Iterator[Rehearsal]:
    """The group is on node1, and each server can be stopped by the other."""
    toml = tmp_path / "azuresim.toml"
    assert azuresim.main(["--config", str(toml), "--folder", str(tmp_path), "new"]) == 0
    ids = '\nsubscription_id = "22222222-2222-2222-2222-222222222222"'
    ids += '\ntenant_id = "11111111-1111-1111-1111-111111111111"'
    ids += '\napplication_id = "33333333-3333-3333-3333-333333333333"\n'
    with guarded.conf_of(Protection.NP, extra=_FENCING + ids) as conf:
        plan = plan_of(conf, key, BalancerPlan(interval=50))
        files = {
            **plan.files,
            "var/lib/azure.pem": str(tmp_path / "cluster.pem"),
            "var/lib/azure-ca.pem": str(tmp_path / "ca.pem"),
        }
        with on_trial(attrs.evolve(plan, azure=str(tmp_path), files=files)) as trial:
            azure = _azure_of(trial)
            azure.set_timing(operation=0.3)
            if trial.home() != "node1":
                trial.do("node2", "group", "move", "failover1", "--to", "node1")
            trial.wait_ready()
            for server in trial.names:
                trial.until(functools.partial(_can_stop, trial, server), 30)
            yield Rehearsal(trial, azure)
            assert trial.faults() == {}, trial.report()


def _azure_of(trial: Trial) -> Azure:
    found: list[Azure] = []

    def there() -> bool:
        with contextlib.suppress(control.Gone):
            found.append(control.connect(trial.lab.folder / "azure"))
        return bool(found)

    trial.until(there)
    return found[0]


def _can_stop(trial: Trial, by: str) -> bool:
    checks = [check for way in trial.status(by)["fencing"] for check in way["servers"].values()]
    return bool(checks) and all(check["state"] == "Normal" for check in checks)


def test_a_server_that_hangs_is_powered_off_and_rejoins_when_it_is_started(
    rehearsal: Rehearsal,
) -> None:
    """Silence, NP, power-off through ARM, read-back, failover; then the machine comes back."""
    cluster, azure = rehearsal.cluster, rehearsal.azure
    with cluster.lab.visit(FRONTEND, every=10) as visits:
        visits.wait_for(lambda visit: visit.who == "node1")
        hung = cluster.lab.pause("node1")
        visits.wait_for(lambda visit: visit.who == "node2", after=hung)
    stopped = cluster.wait_told("rc431", by="node2", after=hung)
    proof = cluster.wait_told("rc529", by="node2", after=hung)
    assert stopped.at <= proof.at
    assert "forced stop" in proof.args["evidence"]
    assert rehearsal.requests() == ["true"]
    assert cluster.lab.status().server("node1").because == "switched off"
    azure.set_power("node1", on=True)
    cluster.wait_online()
    cluster.wait_group("node2", by="node1")


def test_a_server_that_died_is_read_as_off_and_not_asked_to_be(rehearsal: Rehearsal) -> None:
    cluster = rehearsal.cluster
    killed = cluster.lab.kill("node1")
    cluster.wait_told("rc431", by="node2", after=killed)
    cluster.wait_group("node2")
    assert rehearsal.requests() == []


def test_an_azure_in_trouble_delays_a_failover_and_does_not_prevent_it(
    rehearsal: Rehearsal,
) -> None:
    cluster, azure = rehearsal.cluster, rehearsal.azure
    azure.fault("status", POWER_OFF, status=503, count=1)
    azure.fault("reset", POWER_OFF, count=1)
    hung = cluster.lab.pause("node1")
    cluster.wait_told("rc431", by="node2", after=hung)
    cluster.wait_group("node2")
    assert len(rehearsal.requests()) >= 3


def test_an_azure_that_throttles_holds_the_group_back_and_is_named(rehearsal: Rehearsal) -> None:
    cluster, azure = rehearsal.cluster, rehearsal.azure
    azure.fault("status", POWER_OFF, status=429, headers={"Retry-After": "30"}, count=None)
    hung = cluster.lab.pause("node1")
    blocked = cluster.wait_told("rc433", by="node2", after=hung)
    assert "Azure answers 429" in blocked.args["reason"]
    assert "It wants to be asked after 30 s" in blocked.args["reason"]
    assert cluster.kept("node2") == {}
    azure.clear_faults()
    cluster.wait_told("rc431", by="node2", after=hung)  # begun anew by itself
    cluster.wait_group("node2")


def test_one_that_was_only_accepted_is_no_stop_and_its_late_end_harms_nobody(
    rehearsal: Rehearsal,
) -> None:
    """R4: what is hit then is a new life, whose boot id is another; it serves nothing."""
    cluster, azure = rehearsal.cluster, rehearsal.azure
    azure.fault("late", POWER_OFF, seconds=12, count=1)
    hung = cluster.lab.pause("node1")
    cluster.wait_told("rc431", by="node2", after=hung)  # the second request, not the first
    cluster.wait_group("node2")
    before = cluster.kept("node2")
    azure.set_power("node1", on=True)
    cluster.wait_online()
    cluster.until(lambda: cluster.lab.status().server("node1").power == "off", seconds=20)
    cluster.wait_group("node2")
    assert cluster.kept("node2") == before


def test_a_role_that_was_taken_away_is_told_before_it_is_needed(rehearsal: Rehearsal) -> None:
    cluster, azure = rehearsal.cluster, rehearsal.azure
    taken = time.monotonic_ns()
    azure.set_roles(Role(actions=("*/read",)))
    told = cluster.wait_told("nm46", by="node2", after=taken, server="node1")
    assert "Microsoft.Compute/virtualMachines/powerOff/action" in told.args["reason"]
    azure.set_roles(Role(actions=("*",)))
    cluster.wait_told("nm47", by="node2", after=taken, server="node1")
