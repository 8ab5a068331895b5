"""The rehearsal of the guide: a group behind a load balancer, two faults, and it is back.

Nothing is taken on trust: a step is over when the client saw it through the load balancer's
frontend, and the auditor saw no moment with two actives.
"""

import contextlib
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clp_lab import timeline
from clp_lab.conf import cluster_key, plan_of
from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import CLP
from clp_lab.spots import Visits
from clp_lab.story import Story, follow

FRONTEND = "http://203.0.113.10/"
SERVICE, PROBE = 8080, 26001
MONITOR = "lbppw1"
_PATIENCE_S = 30.0
_WATCH_S = 0.02


def demo_conf() -> Path:
    """Give the folder of the demo's configuration, in the checkout that this runs from.

    Raises:
        LabError: this is no checkout.

    """
    folder = Path(__file__).parents[4] / "conf.d" / "demo"
    if not folder.is_dir():
        raise LabError(f"{folder} is not there: run the demo from a checkout, or name --conf")
    return folder


class Rehearsal:
    """The demo, step by step."""

    def __init__(self, lab: Lab, visits: Visits, story: Story) -> None:
        self._lab, self._visits, self._story = lab, visits, story

    def clp(self, server: str, *words: str) -> str:
        """Run `clp` on a server; LabError with what it said when it fails."""
        argv = [CLP, *words]
        done = self._lab.server(server).run(argv, timeout=_PATIENCE_S)
        if done.returncode:
            raise LabError(f"clp {' '.join(words)} on {server}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def status(self, server: str) -> dict[str, Any]:
        """Give the status document as that server sees it."""
        document: dict[str, Any] = json.loads(self.clp(server, "status", "--json"))
        return document

    def wait_answer(self, who: str, after: int) -> int:
        """Wait until a visit begun after *after* is answered by *who*; give when it was."""
        return self._visits.wait_for(
            lambda visit: visit.who == who, after=after, timeout=_PATIENCE_S
        ).end

    def wait_told(self, key: str, after: int, by: str = "", **args: str) -> timeline.Happened:
        """Wait until some journal tells *key*."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if found := timeline.first(self._story.so_far(), key, after=after, by=by, **args):
                return found
            time.sleep(_WATCH_S)
        raise LabError(f"no journal told {key} {dict(args)} within {_PATIENCE_S:g} s")

    def _wait_status(self, server: str, wanted: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not wanted(self.status(server)):
            if time.monotonic() > deadline:
                raise LabError(f"not so within {_PATIENCE_S:g} s: {wanted.__doc__}")
            time.sleep(_WATCH_S)

    # -- the steps

    def start(self) -> None:
        """The group comes up on node1, and the frontend answers."""
        _step("Two servers start; the group goes to node1, the better one")
        self.wait_answer("node1", 0)
        self._wait_status("node1", both_online)
        print(self.clp("node1", "status"))

    def monitor_fails(self) -> str:
        """A dummy failure on node1: three reactivations, then a failover to node2."""
        _step("Verification mode: lbppw1 reports a dummy failure on node1; recovery is real")
        self.clp("node1", "cluster", "verification", "on")
        fault = time.monotonic_ns()
        self.clp("node1", "monitor", "dummy-failure", "on", MONITOR, "--server", "node1")
        answer = self.wait_answer("node2", fault)
        tell = functools.partial(self.wait_told, after=fault)
        phases = (
            timeline.Phase(name="fault", at=tell("rm182").at, told="dummy failure on node1"),
            _phase("detected", tell("rm9", by="node1")),
            *(_phase(f"reactivated {n}", tell("rm13", count=str(n))) for n in (1, 2, 3)),
            _phase("decided", tell("rm14")),
            _phase("deactivated", tell("rc21", by="node1")),
            _phase("activated", tell("rc11", by="node2")),
            timeline.Phase(name="answered", at=answer, told="node2 answers through the frontend"),
        )
        self.clp("node1", "cluster", "verification", "off")
        return timeline.table("Application monitor on node1 fails for good", phases)

    def server_returns(self) -> None:
        """node1 is switched off and on, and rejoins as a standby."""
        _step("node1 is switched off and on again; it rejoins")
        off = self._lab.kill("node1")
        self.wait_told("nm2", off, server="node1")
        on = self._lab.start("node1")
        self.wait_told("nm20", on, by="node1")
        self._wait_status("node2", node1_can_take_it)
        print(self.clp("node2", "status"))

    def server_dies(self) -> str:
        """node2 loses its power; node1 takes over."""
        _step("node2 loses its power")
        fault = self._lab.kill("node2")
        answer = self.wait_answer("node1", fault)
        tell = functools.partial(self.wait_told, after=fault)
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


def both_online(status: dict[str, Any]) -> bool:
    """Both servers are online and the group too."""
    servers_online = all(server["state"] == "Online" for server in status["servers"])
    return servers_online and all(group["state"] == "Online" for group in status["groups"])


def node1_can_take_it(status: dict[str, Any]) -> bool:
    """node1 is online and can take the group."""
    (group,) = status["groups"]
    return both_online(status) and bool(group["servers"].get("node1", {}).get("can_take"))


def _phase(name: str, told: timeline.Happened) -> timeline.Phase:
    return timeline.Phase(name=name, at=told.at, told=f"{told.server}: {told.text}")


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def rehearse(conf: Path | None = None) -> int:
    """Run the whole demo; 0 only when all of it was observed from the client's namespace."""
    began = time.monotonic_ns()

    def tell(told: timeline.Happened) -> None:
        since = (told.at - began) / 1e9
        print(f"  {since:7.3f} s  {told.server:6} {told.key:6} {told.text}", flush=True)

    names = ("node1", "node2")
    with contextlib.ExitStack() as stack:
        key = stack.enter_context(cluster_key())
        lab = stack.enter_context(Lab(plan_of(conf or demo_conf(), key)))
        audit = stack.enter_context(lab.audit(SERVICE, PROBE))
        visits = stack.enter_context(lab.visit(FRONTEND))
        story = stack.enter_context(follow(lab, names, tell))
        rehearsal = Rehearsal(lab, visits, story)
        rehearsal.start()
        tables = [rehearsal.monitor_fails()]
        rehearsal.server_returns()
        tables.append(rehearsal.server_dies())
        overlaps = audit.record().overlaps()
    print("\n" + "\n\n".join(tables))
    if overlaps:
        raise LabError(f"two servers were active at once: {overlaps}")
    seconds = (time.monotonic_ns() - began) / 1e9
    print(f"\nAll of it was seen by the client; never two actives. {seconds:.1f} s.")
    return 0
