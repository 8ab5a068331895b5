"""A name in Azure DNS: somebody deletes the record, and the group repairs it, or moves at once."""

import functools
import time

from clp_azuresim.rehearsals import client
from clp_azuresim.rehearsals.client import Client
from clp_azuresim.rehearsals.scene import SIMULATED, Scene
from clp_azuresim.rehearsals.stage import Stage, phase
from clp_lab.plan import AZURE_ADDRESSES
from clp_lab.timeline import Phase

ZONE, RECORD, PORT = "cluster1.zone", "test-record1", 8080
NAME = f"{RECORD}.{ZONE}"
NODE1, NODE2 = "10.5.0.110", "10.5.0.111"
_LAB = f"""
[group.failover1.resource.azuredns1]
request_timeout = 1
name_servers = [{", ".join(f'"{each}"' for each in AZURE_ADDRESSES)}]
{SIMULATED}
[monitor.azurednsw1]
interval = 0.5
timeout = 5
retry = 0
"""

AS_THE_GUIDE = Scene(conf="azure-dns", extra=_LAB, azure=True)
WITH_LADDER = Scene(conf="azure-dns", extra=_LAB, azure=True, without=("max_reactivations",))


def fails_over(stage: Stage) -> None:
    """With the guide's `max_reactivations = 0` the group goes, and the name goes with it."""
    with client.following(stage.trial.lab, NAME, PORT) as found:
        begins(stage, found)
        stage.step("The A record is deleted by hand; azurednsw1 has max_reactivations = 0")
        deleted = delete(stage)
        there = found.wait(lambda each: (each.address, each.who) == (NODE2, "node2"), after=deleted)
        tell = functools.partial(stage.told, after=deleted)
        stage.never_told("rm13", after=deleted)
        stage.table(
            "The record is deleted; the group moves",
            Phase(name="fault", at=deleted, told="the record is gone at Azure"),
            phase("detected", tell("rm9", by="node1", monitor="azurednsw1")),
            phase("decided", tell("rm14", monitor="azurednsw1")),
            phase("deactivated", tell("rc21", by="node1")),
            phase("activated", tell("rc11", by="node2")),
            Phase(name="found", at=there.at, told=f"{NAME} is {NODE2}, node2 answers"),
        )


def is_restored(stage: Stage) -> None:
    """With the default ladder the record is written again where the group is."""
    with client.following(stage.trial.lab, NAME, PORT) as found:
        begins(stage, found)
        stage.step("The A record is deleted by hand; azurednsw1 has the default ladder")
        deleted = delete(stage)
        tell = functools.partial(stage.told, after=deleted)
        tell("rm13", monitor="azurednsw1", count="1")
        stage.trial.until(lambda: stage.azure.record(ZONE, RECORD), complaint="it is not restored")
        restored = time.monotonic_ns()
        there = found.wait(
            lambda each: (each.address, each.who) == (NODE1, "node1"), after=restored
        )
        stage.trial.wait_ready()
        stage.never_told("rm14", after=deleted)
        stage.table(
            "The record is deleted; it is restored",
            Phase(name="fault", at=deleted, told="the record is gone at Azure"),
            phase("detected", tell("rm9", by="node1", monitor="azurednsw1")),
            phase("reactivated", tell("rm13", monitor="azurednsw1", count="1")),
            Phase(name="found", at=there.at, told=f"{NAME} is {NODE1} again"),
        )


def begins(stage: Stage, found: Client) -> None:
    """Wait until the client finds node1 by the name, at all name servers."""
    first = found.wait(lambda each: (each.address, each.who) == (NODE1, "node1"))
    stage.seen(f"{NAME} is {first.address} at {len(first.said)} name servers; node1 answers")
    written = stage.azure.record(ZONE, RECORD)
    if written is not None:
        told = ", ".join(f"{name} = {value}" for name, value in sorted(written.metadata.items()))
        stage.explain(f"the record says for whom it was written: {told}")


def delete(stage: Stage) -> int:
    """Delete the record as somebody at the portal would; give when."""
    deleted = time.monotonic_ns()
    stage.azure.delete_record(ZONE, RECORD)
    return deleted
