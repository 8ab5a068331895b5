"""The rehearsal of the guide: a group behind a load balancer, two faults, and it is back.

Nothing is taken on trust: a step is over when the client saw it through the load balancer's
frontend, and the auditor saw no moment with two actives.
"""

import contextlib
import functools
import time
from pathlib import Path

from clp_lab import starting, timeline
from clp_lab.conf import cluster_key, plan_of
from clp_lab.errors import LabError
from clp_lab.spots import Visits
from clp_lab.telling import Telling
from clp_lab.trial import FRONTEND, Trial, on_trial

MONITOR = "lbppw1"
_PATIENCE_S = 30.0


def demo_conf() -> Path:
    """Give the folder of the demo's configuration, in the checkout that this runs from.

    Raises:
        LabError: this is no checkout.

    """
    folder = Path(__file__).parents[4] / "conf.d" / "demo"
    if not folder.is_dir():
        raise LabError(f"{folder} is not there", "run it from a checkout, or name a folder")
    return folder


class Rehearsal:
    """The demo, step by step."""

    def __init__(self, trial: Trial, visits: Visits, telling: Telling) -> None:
        """Take the cluster, the client's visits to the frontend, and who tells what happens."""
        self._trial, self._visits, self._telling = trial, visits, telling

    def _answer(self, who: str, after: int) -> int:
        """Wait until a visit begun after *after* is answered by *who*; give when it was."""
        return self._visits.wait_for(
            lambda visit: visit.who == who, after=after, timeout=_PATIENCE_S
        ).end

    def _step(self, text: str) -> None:
        self._telling.catch_up()
        print(f"\n== {text}", flush=True)

    def _show(self, server: str) -> None:
        self._telling.catch_up()
        print(self._trial.do(server, "status"), flush=True)

    def _explain(self, text: str) -> None:
        self._telling.catch_up()
        print(f"  -- {text}", flush=True)

    # -- the steps

    def start(self) -> None:
        """The group comes up on node1, and the frontend answers."""
        self._answer("node1", 0)
        self._trial.wait_ready()
        self._show("node1")

    def monitor_fails(self) -> str:
        """A dummy failure on node1: three reactivations, then a failover to node2."""
        self._step("Verification mode: lbppw1 reports a dummy failure on node1; recovery is real")
        self._trial.do("node1", "cluster", "verification", "on")
        fault = time.monotonic_ns()
        self._trial.do("node1", "monitor", "dummy-failure", "on", MONITOR, "--server", "node1")
        answer = self._answer("node2", fault)
        tell = functools.partial(self._trial.wait_told, after=fault)
        phases = (
            timeline.Phase(name="fault", at=tell("rm182").at, told="dummy failure on node1"),
            _phase("detected", tell("rm9", by="node1")),
            *(_phase(f"reactivated {n}", tell("rm13", count=str(n))) for n in (1, 2, 3)),
            _phase("decided", tell("rm14")),
            _phase("deactivated", tell("rc21", by="node1")),
            _phase("activated", tell("rc11", by="node2")),
            timeline.Phase(name="answered", at=answer, told="node2 answers through the frontend"),
        )
        self._standby_fails(fault)
        return timeline.table("Application monitor on node1 fails for good", phases)

    def _standby_fails(self, fault: int) -> None:
        """The dummy failure is still there: node1 shows it as a standby's, until it is cleared."""
        self._trial.wait_told("rm51", by="node1", after=fault, monitor=MONITOR)
        self._explain(
            "lbppw1 watches standby servers, too, and the dummy failure on node1 goes on: node1 is "
            "no\n     destination (rm51) until the end of the verification mode clears it (rm26)"
        )
        self._trial.do("node1", "cluster", "verification", "off")
        self._trial.wait_told("rm26", by="node1", after=fault, monitor=MONITOR)

    def server_returns(self) -> None:
        """node1 is switched off and on, and rejoins as a standby."""
        self._step("node1 is switched off and on again; it rejoins")
        off = self._trial.lab.kill("node1")
        self._trial.wait_told("nm2", after=off, server="node1")
        on = self._trial.lab.start("node1")
        self._trial.wait_told("nm20", by="node1", after=on)
        home = self._trial.home()
        if home != "node2":
            raise LabError(f"the group is on {home} now, although node2 had it")
        self._show("node2")

    def server_dies(self) -> str:
        """node2 loses its power; node1 takes over."""
        self._step("node2 loses its power")
        fault = self._trial.lab.kill("node2")
        answer = self._answer("node1", fault)
        tell = functools.partial(self._trial.wait_told, after=fault)
        return timeline.table(
            "Server node2 dies",
            (
                timeline.Phase(name="fault", at=fault, told="node2 is switched off"),
                _phase("detected", tell("nm2", by="node1")),
                _phase("decided", tell("rc60", by="node1")),
                _phase("claimed", tell("rc529", by="node1")),
                _phase("activated", tell("rc11", by="node1")),
                timeline.Phase(
                    name="answered", at=answer, told="node1 answers through the frontend"
                ),
            ),
        )


def _phase(name: str, told: timeline.Happened) -> timeline.Phase:
    return timeline.Phase(name=name, at=told.at, told=f"{told.server}: {told.text}")


def rehearse(conf: Path | None = None) -> int:
    """Run the whole demo; 0 only when all of it was observed from the client's namespace."""
    began = time.monotonic_ns()

    def tell(told: timeline.Happened) -> None:
        since = (told.at - began) / 1e9
        print(f"  {since:7.3f} s  {told.server:6} {told.key:6} {told.text}", flush=True)

    with contextlib.ExitStack() as stack:
        plan = plan_of(conf or demo_conf(), stack.enter_context(cluster_key()))
        starting.must_be_configured(plan)
        print("\n== Two servers start; the group goes to node1, the better one", flush=True)
        trial = stack.enter_context(on_trial(plan, patience=_PATIENCE_S))
        visits = stack.enter_context(trial.lab.visit(FRONTEND))
        starting.must_come_up(trial.lab, plan)
        telling = Telling(trial.lab, tell)
        stack.enter_context(telling.running())
        rehearsal = Rehearsal(trial, visits, telling)
        rehearsal.start()
        tables = [rehearsal.monitor_fails()]
        rehearsal.server_returns()
        tables.append(rehearsal.server_dies())
        telling.catch_up()
        faults = trial.faults()
    print("\n" + "\n\n".join(tables))
    if faults:
        raise LabError(f"what no cluster may show: {faults}", "please report it")
    seconds = (time.monotonic_ns() - began) / 1e9
    print(f"\nAll of it was seen by the client; never two actives. {seconds:.1f} s.")
    return 0
