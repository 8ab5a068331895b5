"""The cluster that the benchmark measures: the demo's group on two servers, watched by a client."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from clp_lab import starting
from clp_lab.conf import cluster_key, plan_of
from clp_lab.demo import demo_conf
from clp_lab.errors import LabError
from clp_lab.plan import CLP, BalancerPlan
from clp_lab.spots import Visits
from clp_lab.trial import FRONTEND, SERVICE, Trial, on_trial

PROBE_MS, THRESHOLD = 100, 1
VISIT_MS = 5
_PATIENCE_S = 40.0
_TIMER = """
import subprocess, sys, time
begin = time.monotonic_ns()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(time.monotonic_ns() - begin)
sys.exit(done.returncode)
"""


@attrs.frozen(kw_only=True)
class Times:
    """The heartbeat of a rig, in milliseconds: one in five may be late by four."""

    timeout: int

    @property
    def interval(self) -> int:
        """Give the time between two heartbeats."""
        return self.timeout // 5


@attrs.frozen(kw_only=True)
class Rig:
    """A cluster on trial, and a client that asks the frontend, and each server directly."""

    trial: Trial
    frontend: Visits
    direct: Mapping[str, Visits]

    def answered(self, visits: Visits, who: str, after: int) -> int:
        """Wait for an answer of *who* to a visit begun after *after*; give when it came."""
        return visits.wait_for(lambda v: v.who == who, after=after, timeout=_PATIENCE_S).end

    def told(self, key: str, after: int, by: str) -> int:
        """Wait until a server tells *key*; give when, in monotonic nanoseconds."""
        return self.trial.wait_told(key, by=by, after=after).at

    def timed(self, server: str, *words: str, command: str = CLP) -> int:
        """Run `clp` on a server; give its nanoseconds from the fork to the end, as a shell's.

        *command*: another one of this Python's commands.

        Raises:
            LabError: it failed; with what it said.

        """
        argv = [sys.executable, "-I", "-S", "-c", _TIMER, command, *words]
        done = self.trial.lab.server(server).run(argv, timeout=_PATIENCE_S)
        if done.returncode:
            raise LabError(f"{command} {' '.join(words)} on {server}: {done.stderr}".strip())
        return int(done.stdout)


def other(server: str) -> str:
    """Give the other one of the two."""
    return "node1" if server == "node2" else "node2"


@contextlib.contextmanager
def conf_of(times: Times, *, extra: str = "") -> Iterator[Path]:
    """Give a copy of the demo's configuration with other times, and *extra* tables."""
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "conf"
        shutil.copytree(demo_conf(), conf)
        lines = []
        for line in (conf / "cluster.toml").read_text(encoding="utf-8").splitlines():
            key = line.partition("=")[0].strip()
            if key == "heartbeat_interval":
                lines.append(f'heartbeat_interval = "{times.interval} ms"')
            elif key == "heartbeat_timeout":
                lines.append(f'heartbeat_timeout = "{times.timeout} ms"')
            else:
                lines.append(line)
        (conf / "cluster.toml").write_text("\n".join([*lines, extra]) + "\n", encoding="utf-8")
        yield conf


@contextlib.contextmanager
def rig(
    times: Times, *, extra: str = "", environment: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """Run a cluster with these times for the length of the block; it is at rest when that begins.

    The client asks every 5 ms, as in the measurement of the peers.
    """
    with contextlib.ExitStack() as stack:
        conf = stack.enter_context(conf_of(times, extra=extra))
        key = stack.enter_context(cluster_key())
        plan = plan_of(conf, key, BalancerPlan(interval=PROBE_MS, threshold=THRESHOLD))
        changed = (attrs.evolve(each, environment=environment or {}) for each in plan.servers)
        plan = attrs.evolve(plan, servers=tuple(changed))
        trial = stack.enter_context(on_trial(plan, patience=_PATIENCE_S))
        starting.must_come_up(trial.lab, plan)

        def visit(url: str) -> Visits:
            return stack.enter_context(trial.lab.visit(url, every=VISIT_MS, timeout=200))

        frontend = visit(FRONTEND)
        direct = {one.name: visit(f"http://{one.address}:{SERVICE}/") for one in plan.servers}
        trial.home()
        yield Rig(trial=trial, frontend=frontend, direct=direct)
