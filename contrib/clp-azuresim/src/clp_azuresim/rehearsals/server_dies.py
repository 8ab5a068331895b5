"""A server hangs, another one dies: silence, NP resolution, power-off through ARM, failover."""

import functools
import itertools

from clp_azuresim.journal import Entry
from clp_azuresim.rehearsals.scene import FORCED_STOP, Scene
from clp_azuresim.rehearsals.stage import Stage, phase
from clp_lab.guarded import NP
from clp_lab.spots import Visits
from clp_lab.timeline import Phase
from clp_lab.trial import FRONTEND

POWER_OFF = "/powerOff"

SCENE = Scene(
    conf="azure-public-lb", extra=NP + FORCED_STOP, balancer="TestLoadBalancer", azure=True
)


def play(stage: Stage) -> None:
    """First one hangs, which only its power can end; then the other one is dead already."""
    stage.wait_stoppable()
    with stage.trial.lab.visit(FRONTEND, every=10) as visits:
        stage.answer(visits, "node1", 0)
        stage.explain("each server has seen that Azure would stop the other one for it")
        hangs(stage, visits)
        returns(stage)
        dies(stage, visits)


def hangs(stage: Stage, visits: Visits) -> None:
    """Freeze node1; only its power ends what it may still do."""
    stage.step("node1 hangs: silent, but not off, and it could wake up at any time")
    fault = stage.trial.lab.pause("node1")
    answer = stage.answer(visits, "node2", fault)
    tell = functools.partial(stage.told, after=fault, by="node2")
    asked, stopped = tell("rc430"), tell("rc431")
    show_requests(stage, asked.at, stopped.at)
    requested = [entry for entry in stage.requests(fault) if POWER_OFF in entry.path]
    stage.must(len(requested) == 1, f"powerOff was requested {len(requested)} times")
    stage.must(requested[0].query["skipShutdown"] == "true", "powerOff without skipShutdown")
    stage.table(
        "Server node1 hangs",
        Phase(name="fault", at=fault, told="node1 is frozen"),
        phase("detected", tell("nm2", server="node1")),
        phase("decided", asked),
        phase("off", stopped),
        phase("claimed", tell("rc529")),
        phase("activated", tell("rc11")),
        Phase(name="answered", at=answer, told="node2 answers through the frontend"),
    )


def show_requests(stage: Stage, since: int, until: int) -> None:
    """Show what Azure was asked for a forced stop, and what it answered."""
    signed = [
        entry
        for entry in stage.azure.journal()
        if entry.service == "entra" and since <= entry.at * 1e9 <= until
    ]
    again = "had to be got" if signed else "was there from the last look at the machines"
    stage.explain(f"what Azure was asked; the token for it {again}:")
    within = [entry for entry in stage.requests(since) if entry.at * 1e9 <= until]
    for line, same in itertools.groupby(within, _line):
        first, *more = same
        times = f", {len(more) + 1} times" if more else ""
        stage.happened(int(first.at * 1e9), f"Azure  {line}{times}")


def _line(entry: Entry) -> str:
    what = entry.path.partition("/providers/")[2] or entry.path
    if "/operations/" in what:
        what = what.rpartition("/")[0]  # its id says nothing to a reader
    return f"{entry.method} {what} -> {entry.status or 'no answer'}"


def returns(stage: Stage) -> None:
    """Start the machine of node1; it rejoins, and takes nothing away."""
    stage.step("The virtual machine of node1 is started again")
    stage.must(not stage.azure.machine("node1").on, "node1 is not off")
    before = stage.trial.group("node2")["epoch"]
    began = stage.trial.lab.status().server("node1").since
    stage.azure.set_power("node1", on=True)
    stage.told("nm20", by="node1", after=began)
    stage.trial.wait_online()
    stage.trial.wait_group("node2", by="node1", epoch=before)
    stage.wait_stoppable()


def dies(stage: Stage, visits: Visits) -> None:
    """Cut the power of node2: it is read as off, and not asked to be."""
    stage.step("node2 loses its power")
    fault = stage.trial.lab.kill("node2")
    stage.answer(visits, "node1", fault)
    stage.told("rc431", by="node1", after=fault)
    requested = [entry for entry in stage.requests(fault) if POWER_OFF in entry.path]
    stage.must(not requested, "powerOff was requested of a machine that is off")
    stage.explain("it was read as off, and not asked to be")
