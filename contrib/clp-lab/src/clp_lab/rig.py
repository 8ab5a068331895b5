"""A cluster to measure: the demo's group on two servers, with times of one's own."""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from clp_lab import timeline
from clp_lab.conf import cluster_key, plan_of
from clp_lab.demo import demo_conf
from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import CLP, BalancerPlan
from clp_lab.spots import Visits
from clp_lab.story import Story, follow

FRONTEND = "http://203.0.113.10/"
SERVICE = 8080
PROBE_MS, THRESHOLD = 100, 1
_PATIENCE_S = 40.0
_STEP_S = 0.005


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
    """A running cluster with everything that measures it."""

    lab: Lab
    story: Story
    frontend: Visits
    direct: Mapping[str, Visits]
    times: Times

    def clp(self, server: str, *words: str) -> str:
        """Run `clp` on a server; LabError with what it said when it fails."""
        done = self.lab.server(server).run([CLP, *words], timeout=_PATIENCE_S)
        if done.returncode:
            raise LabError(f"clp {' '.join(words)} on {server}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def status(self, server: str) -> dict[str, Any]:
        """Give the status document as that server sees it."""
        document: dict[str, Any] = json.loads(self.clp(server, "status", "--json"))
        return document

    def home(self) -> str:
        """Wait until both servers are online and agree that the group is; give where."""
        found: list[str] = []

        def at_rest() -> bool:
            with contextlib.suppress(LabError, ValueError):
                found[:] = [self._home_as_seen_by(name) for name in ("node1", "node2")]
                return found[0] == found[1] != ""
            return False

        wait(at_rest, "the cluster does not come to rest")
        return found[0]

    def _home_as_seen_by(self, server: str) -> str:
        status = self.status(server)
        (group,) = status["groups"]
        online = all(each["state"] == "Online" for each in status["servers"])
        takers = [name for name, each in group["servers"].items() if each["can_take"]]
        ready = online and group["state"] == "Online" and len(takers) == len(status["servers"])
        return str(group["server"]) if ready else ""

    def told(self, key: str, after: int, by: str = "", **args: str) -> int:
        """Wait until a journal tells *key*; give when it did, in monotonic nanoseconds."""
        found: list[timeline.Happened] = []

        def is_told() -> bool:
            first = timeline.first(self.story.so_far(), key, after=after, by=by, **args)
            found[:] = [first] if first else []
            return bool(found)

        wait(is_told, f"no journal tells {key}")
        return found[0].at

    def answered(self, visits: Visits, who: str, after: int) -> int:
        """Wait for an answer of *who* to a visit begun after *after*; give when it came."""
        return visits.wait_for(lambda v: v.who == who, after=after, timeout=_PATIENCE_S).end


def other(server: str) -> str:
    """Give the other one of the two."""
    return "node1" if server == "node2" else "node2"


def wait(condition: Callable[[], bool], complaint: str) -> None:
    """Look every 5 ms until the condition holds; LabError with the complaint when it never does."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{complaint} within {_PATIENCE_S:g} s")
        time.sleep(_STEP_S)


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
    """Run a cluster with these times for the length of the block.

    The client asks the frontend, and each server directly, every 5 ms, as in the measurement of
    the peers.
    """
    with contextlib.ExitStack() as stack:
        conf = stack.enter_context(conf_of(times, extra=extra))
        key = stack.enter_context(cluster_key())
        balancer = BalancerPlan(interval=PROBE_MS, threshold=THRESHOLD)
        plan = plan_of(conf, key, balancer)
        changed = (attrs.evolve(each, environment=environment or {}) for each in plan.servers)
        plan = attrs.evolve(plan, servers=tuple(changed))
        lab = stack.enter_context(Lab(plan))
        frontend = stack.enter_context(lab.visit(FRONTEND, timeout=200))
        direct = {
            server.name: stack.enter_context(
                lab.visit(f"http://{server.address}:{SERVICE}/", timeout=200)
            )
            for server in plan.servers
        }
        story = stack.enter_context(follow(lab, ("node1", "node2")))
        made = Rig(lab=lab, story=story, frontend=frontend, direct=direct, times=times)
        made.home()
        yield made
