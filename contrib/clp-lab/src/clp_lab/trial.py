"""A cluster on trial: agents in a lab, watched for two actives, asked what they know.

    with on_trial(plan) as trial:
        trial.wait_group("node1")
        killed = trial.lab.kill("node1")
        trial.wait_group("node2")
        assert trial.told("rc60", by="node2", after=killed)
    assert not trial.faults()

Times are nanoseconds of the machine's monotonic clock, as everywhere in the lab.
"""

import contextlib
import functools
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from clp_lab import timeline
from clp_lab.audit import Overlap
from clp_lab.errors import LabError
from clp_lab.journals import Journal
from clp_lab.lab import Lab
from clp_lab.plan import CLP, Plan
from clp_lab.spots import Audit
from clp_lab.timeline import Happened

SERVICE, PROBE = 8080, 26001
FRONTEND = "http://203.0.113.10/"

_Value = TypeVar("_Value")

_PATIENCE_S = 12.0
_STEP_S = 0.01
_ANSWER_S = 5.0
_LOG_TAIL = 6_000  # characters of an agent's log that a report shows
_CORE_RAISED = "pm506"
_CLAIMED = "rc529"


class Trial:
    """What a test does to a cluster, and what it sees of it."""

    def __init__(self, lab: Lab, audit: Audit, *, patience: float = _PATIENCE_S) -> None:
        """Take a lab that is up, and its auditor; *patience*: seconds of a wait that says none."""
        self.lab = lab
        self._patience = patience
        self.names = tuple(server.name for server in lab.status().servers)
        self._audit = audit
        self._journals = {name: Journal(lab.server(name)) for name in self.names}

    # -- asking

    def ask(self, server: str, **request: object) -> dict[str, Any]:
        """Give the agent's first reply to a request on its control socket.

        Raises:
            LabError: no agent answers.

        """
        path = self.lab.server(server).root / "run/clpcore/control"
        with socket.socket(socket.AF_UNIX) as end:
            end.settimeout(_ANSWER_S)
            try:
                end.connect(str(path))
                end.sendall(json.dumps(request).encode() + b"\n")
                line = end.makefile("rb").readline()
            except OSError as error:
                raise LabError(f"no agent answers on {server}: {error}") from error
        if not line:
            raise LabError(f"the agent of {server} ended the connection")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _facts(self, server: str, verb: str) -> dict[str, Any]:
        reply = self.ask(server, do=verb)
        if not reply["ok"]:
            raise LabError(f"{server}: {reply['error']}")
        facts: dict[str, Any] = reply[verb]
        return facts

    def status(self, by: str) -> dict[str, Any]:
        """Give the status document of a server; LabError when its agent does not answer."""
        return self._facts(by, "status")

    def agent(self, server: str) -> dict[str, Any]:
        """Give what an agent says of itself."""
        return self._facts(server, "agent")

    def server(self, name: str, by: str) -> dict[str, Any]:
        """Give a server as the status of another one, or its own, shows it."""
        return _named(self.status(by)["servers"], name)

    def group(self, by: str, name: str = "failover1") -> dict[str, Any]:
        """Give a group as the status of a server shows it."""
        return _named(self.status(by)["groups"], name)

    def monitor(self, name: str, by: str) -> dict[str, Any]:
        """Give a monitor as the status of a server shows it."""
        return _named(self.status(by)["monitors"], name)

    def clp(
        self, server: str, *words: str, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `clp` on a server."""
        return self.lab.server(server).run((CLP, *words), timeout=timeout)

    def do(self, server: str, *words: str) -> str:
        """Run `clp` on a server and give its output; LabError when it does not end with 0."""
        done = self.clp(server, *words)
        if done.returncode:
            raise LabError(
                f"clp {' '.join(words)} on {server}: exit {done.returncode}: "
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout

    def run(self, server: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell on a server or on the client."""
        return self.lab.place(server).run(("sh", "-c", script))

    def kept(self, server: str) -> dict[str, int]:
        """Give the pids, as the server counts, of what its resources keep running, by resource."""
        folder = self.lab.server(server).root / "run/clpcore/kept"
        found = {}
        for file in sorted(folder.glob("*/*/*.json")):
            with contextlib.suppress(OSError):
                found[file.parent.name] = int(json.loads(file.read_text())["pid"])
        return found

    def log(self, server: str) -> str:
        """Give what the agents of a server wrote to their standard error so far."""
        file = self.lab.server(server).log
        return file.read_text(errors="replace") if file.exists() else ""

    # -- journals

    def journal(self, server: str) -> list[Happened]:
        """Give every sentence of a server's journal, also when it is off or its store is gone."""
        return self._journals[server].so_far()

    def told(
        self, key: str, *, by: str = "", after: int = 0, **args: str
    ) -> timeline.Happened | None:
        """Give the first such sentence of the journal of `by`, or of any server."""
        story = [each for name in self.names if by in ("", name) for each in self.journal(name)]
        return timeline.first(story, key, after=after, **args)

    def wait_told(
        self, key: str, *, by: str = "", after: int = 0, seconds: float | None = None, **args: str
    ) -> Happened:
        """Wait for such a sentence."""
        return self.until(
            lambda: self.told(key, by=by, after=after, **args),
            seconds,
            f"no journal of {by or 'anybody'} told {key} {args}",
        )

    # -- waiting

    def until(
        self,
        condition: Callable[[], _Value | None],
        seconds: float | None = None,
        complaint: str = "",
    ) -> _Value:
        """Give the condition's value once it is true; an agent that does not answer is not yet.

        Raises:
            LabError: it never was; says what it was last.

        """
        seconds = self._patience if seconds is None else seconds
        deadline = time.monotonic() + seconds
        while True:
            last: object
            try:
                last = value = condition()
            except LabError as error:
                last, value = error, None
            if value:
                return value
            if time.monotonic() > deadline:
                raise LabError(f"{complaint or 'not so'} within {seconds:g} s: {last}")
            time.sleep(_STEP_S)

    def wait_online(self, *servers: str, seconds: float | None = None) -> None:
        """Wait until each of these servers, by default all, shows all of these as Online."""
        wanted = servers or self.names

        def shown() -> bool:
            views = [{one["name"]: one["state"] for one in self._servers(by)} for by in wanted]
            return all(view[name] == "Online" for view in views for name in wanted)

        self.until(shown, seconds, f"{', '.join(wanted)} not Online")

    def _servers(self, by: str) -> list[dict[str, Any]]:
        servers: list[dict[str, Any]] = self.status(by)["servers"]
        return servers

    def wait_group(
        self,
        on: str,
        name: str = "failover1",
        *,
        by: str = "",
        epoch: int | None = None,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Wait until the group is Online on that server, by the server's own word or that of `by`.

        Args:
            on: the server.
            name: the group.
            by: who says so.
            epoch: of the ownership; None: any.
            seconds: how long; None: the trial's patience.

        """

        def there() -> dict[str, Any] | None:
            group = self.group(by or on, name)
            fits = (group["server"], group["state"]) == (on, "Online")
            return group if fits and epoch in (None, group["epoch"]) else None

        return self.until(there, seconds, f"{name} is not Online on {on} (epoch {epoch})")

    def wait_ready(self, *groups: str) -> None:
        """Wait until these groups (failover1) are Online on the first server, and may move."""
        self.wait_online()
        for group in groups or ("failover1",):
            for name in self.names:
                self.wait_group(self.names[0], group, by=name)
            self.until(functools.partial(self._all_can_take, group))

    def _all_can_take(self, name: str) -> bool:
        servers = self.group(self.names[0], name)["servers"]
        return all(servers.get(each, {}).get("can_take") for each in self.names)

    def home(self, group: str = "failover1") -> str:
        """Wait until all servers are Online, agree where the group is, and could take it."""
        rest = "the cluster does not come to rest"
        return self.until(lambda: self.home_now(group), complaint=rest)

    def home_now(self, group: str = "failover1") -> str:
        """Give where a group that may move is by the word of all, else an empty text.

        Raises:
            LabError: an agent does not answer.

        """
        views = [self.status(by) for by in self.names]
        if any(server["state"] != "Online" for view in views for server in view["servers"]):
            return ""
        shown = [_named(view["groups"], group) for view in views]
        found = {one["server"] for one in shown if one["state"] == "Online"}
        takers = [shown[0]["servers"].get(name, {}).get("can_take") for name in self.names]
        return str(found.pop()) if len(found) == 1 and all(takers) else ""

    # -- what must never be

    def overlaps(self) -> tuple[Overlap, ...]:
        """Give every time with two actives that the auditor saw."""
        return self._audit.record().overlaps()

    def faults(self) -> dict[str, list[str]]:
        """Give what no cluster may show, by kind.

        "two actives": two servers listened on a port of the service at once (R2).
        "epochs": one epoch of a group was claimed by two servers (R6).
        "bugs": a traceback in an agent's log, or a decision core that raised.
        """
        found = {
            "two actives": [str(overlap) for overlap in self.overlaps()],
            "epochs": list(self._shared_epochs()),
            "bugs": [line for name in self.names for line in _tracebacks(self.log(name))],
        }
        if not self._audit.record().samples:
            found["two actives"].append("the auditor did not look")
        if raised := self.told(_CORE_RAISED):
            found["bugs"].append(raised.text)
        return {kind: faults for kind, faults in found.items() if faults}

    def _shared_epochs(self) -> Iterator[str]:
        owners: dict[tuple[str, str], str] = {}
        for each in (each for name in self.names for each in self.journal(name)):
            if each.key == _CLAIMED:
                claim = (each.args["group"], each.args["epoch"])
                if owners.setdefault(claim, each.server) != each.server:
                    yield f"{claim[0]} epoch {claim[1]}: {owners[claim]} and {each.server}"

    def report(self) -> str:
        """Give all that helps to see what went wrong: journals, then the ends of agents' logs."""
        story = sorted(
            (each for name in self.names for each in self.journal(name)), key=lambda each: each.at
        )
        first = story[0].at if story else 0
        lines = [
            f"{(each.at - first) / 1e9:8.3f} s  {each.server:6} {each.key:6} {each.text}"
            for each in story
        ]
        for name in self.names:
            lines += ["", f"-- {name}: log of its agents", self.log(name)[-_LOG_TAIL:]]
        return "\n".join(lines)


def _named(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in found if each["name"] == name)


def _tracebacks(log: str) -> Iterator[str]:
    """Give the last line of every traceback."""
    for match in re.finditer(r"^Traceback .*\n(?:[ \t].*\n|\n)*(.*)", log, re.MULTILINE):
        yield match[1]


@contextlib.contextmanager
def on_trial(plan: Plan, *ports: int, patience: float = _PATIENCE_S) -> Iterator[Trial]:
    """Start a cluster and its auditor, who watches the service and its probe port, and *ports*."""
    with Lab(plan) as lab, lab.audit(SERVICE, PROBE, *ports) as audit:
        yield Trial(lab, audit, patience=patience)
