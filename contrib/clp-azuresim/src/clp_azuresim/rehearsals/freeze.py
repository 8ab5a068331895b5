"""A server is frozen by its host, below and above the heartbeat timeout."""

import time

from clp_azuresim.rehearsals import server_dies
from clp_azuresim.rehearsals.stage import Stage
from clp_lab.spots import Visits
from clp_lab.trial import FRONTEND

_SHORT_S = 0.4  # of a heartbeat timeout of 1 s

SCENE = server_dies.SCENE


def play(stage: Stage) -> None:
    """A short freeze costs nothing; a long one is silence, and ends with the power."""
    stage.wait_stoppable()
    with stage.trial.lab.visit(FRONTEND, every=10) as visits:
        stage.answer(visits, "node1", 0)
        _is_sat_out(stage, visits)
        server_dies.hangs(stage, visits)
        stage.explain("what wakes up is a new life: the old one never went on")
        server_dies.returns(stage)


def _is_sat_out(stage: Stage, visits: Visits) -> None:
    stage.step(f"node1 is frozen for {_SHORT_S:g} s; the heartbeat timeout is 1 s")
    epoch = stage.trial.group("node1")["epoch"]
    frozen = stage.trial.lab.pause("node1")
    time.sleep(_SHORT_S)
    woken = stage.trial.lab.resume("node1")
    stage.answer(visits, "node1", woken)
    stage.never_told("nm2", after=frozen)
    stage.trial.wait_group("node1", by="node2", epoch=epoch)
    stage.seen("node1 answers again; nobody took it for dead, and nothing moved")
