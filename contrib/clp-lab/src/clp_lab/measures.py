"""What the benchmark measures, one function each; times in milliseconds."""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from clp_lab import visits
from clp_lab.rig import Rig, Times, other, rig, wait

_NS_PER_MS = 1_000_000
_BLOCKER = """
import time

import attrs
from clpcore import api


@attrs.frozen(kw_only=True)
class Config:
    seconds: int = api.setting("How long it blocks.", default=60)


@attrs.frozen
class Blocker:
    config: Config

    async def observe(self, call, ports):
        time.sleep(self.config.seconds)


@api.hookimpl
def clp_register(register):
    register.add(api.DriverSpec(
        kind=api.Kind.MONITOR, name="blockw", api=api.ApiVersion(0, 1), summary="Blocks.",
        config=Config, make=Blocker, capabilities=frozenset({api.Capability.WATCHES_STANDBY}),
    ))
"""
_BLOCKW = """
[monitor.blockw1]
type = "blockw"
target = "exec1"
interval = 0.2
timeout = 1
retry = 99999
"""


@attrs.frozen
class Sample:
    """Figures of several runs, by name, in the order of the columns."""

    runs: Sequence[Mapping[str, float]]

    def column(self, name: str) -> tuple[float, float]:
        """Give median and maximum."""
        values = [run[name] for run in self.runs]
        return statistics.median(values), max(values)

    @property
    def names(self) -> tuple[str, ...]:
        """Give the columns."""
        return tuple(self.runs[0]) if self.runs else ()


def server_kill(times: Times, runs: int) -> Sample:
    """Kill the active server, again and again; split the time to the other's first answer."""
    with rig(times) as measured:
        return Sample([_one_kill(measured) for _ in range(runs)])


def _one_kill(measured: Rig) -> Mapping[str, float]:
    active = measured.home()
    heir = other(active)
    fault = measured.lab.kill(active)
    routed = measured.answered(measured.frontend, heir, fault)
    direct = measured.answered(measured.direct[heir], heir, fault)
    detected = measured.told("nm2", fault, by=heir)
    decided = measured.told("rc529", fault, by=heir)
    application = measured.told("rc31", fault, by=heir, resource="exec1")
    activated = measured.told("rc11", fault, by=heir)
    begun = measured.told("rc30", fault, by=heir, resource="exec1")
    measured.lab.start(active)
    measured.home()
    return _in_ms(
        {
            "first answer": direct - fault,
            "detected": detected - fault,
            "decided": decided - detected,
            "application": application - begun,
            "activated": activated - decided,
            "own overhead": direct - detected,
            "frontend": routed - fault,
            "routed": routed - max(activated, detected),
        }
    )


def _in_ms(figures: Mapping[str, int]) -> Mapping[str, float]:
    return {name: max(0, value) / _NS_PER_MS for name, value in figures.items()}


def application_kill(runs: int) -> Sample:
    """Kill the web server; how long until it answers again?"""
    with rig(Times(timeout=1_000)) as measured:
        return Sample([_one_application_kill(measured) for _ in range(runs)])


def _one_application_kill(measured: Rig) -> Mapping[str, float]:
    active = measured.home()
    wait(lambda: _ladder_is_down(measured, active), "the ladder is not forgotten")
    root = measured.lab.server(active).root
    kept = json.loads((root / "run/clpcore/kept/failover1/exec1/start.json").read_text())
    fault = time.monotonic_ns()
    measured.lab.server(active).run(["kill", "-9", str(kept["pid"])])
    # The kill itself takes the time of a command; the last answer before the outage is the fault.
    answer = _answer_after_gap(measured, active, fault)
    seen = measured.told("rm140", fault, by=active)
    return _in_ms({"outage": answer, "event to answer": max(0, fault + answer - seen)})


def _ladder_is_down(measured: Rig, server: str) -> bool:
    (row,) = [m for m in measured.status(server)["monitors"] if m["name"] == "pidw1"]
    return bool(row["servers"][server]["state"] == "Online")


def _answer_after_gap(measured: Rig, server: str, fault: int) -> int:
    """Give the longest time between two answers since *fault*, once it is over."""
    reactivated = measured.told("rc11", fault, by=server)
    measured.answered(measured.direct[server], server, reactivated)
    return visits.outage(measured.direct[server].so_far(), after=fault)


def planned_move(runs: int) -> Sample:
    """Move the group by command: its outage for a direct client and the command's own time."""
    with rig(Times(timeout=1_000)) as measured:
        return Sample([_one_move(measured) for _ in range(runs)])


def _one_move(measured: Rig) -> Mapping[str, float]:
    active = measured.home()
    heir = other(active)
    begin = time.monotonic_ns()
    measured.clp(active, "group", "move", "failover1", "--to", heir)
    end = time.monotonic_ns()
    first = measured.answered(measured.direct[heir], heir, begin)
    last = max(v.end for v in measured.direct[active].so_far() if v.answered and v.begin < first)
    routed = measured.answered(measured.frontend, heir, begin)
    begun = [v.end for v in measured.frontend.so_far() if v.who == active and v.begin < routed]
    return _in_ms(
        {"outage": first - last, "frontend outage": routed - max(begun), "command": end - begin}
    )


def status_command(runs: int) -> Sample:
    """Time `clp status` as an operator's shell does."""
    with rig(Times(timeout=1_000)) as measured:
        return Sample([_one_status(measured) for _ in range(runs)])


def _one_status(measured: Rig) -> Mapping[str, float]:
    server = measured.lab.server("node1")
    timer = "import subprocess,sys,time;t=time.monotonic_ns();subprocess.run(sys.argv[1:],stdout=subprocess.DEVNULL,check=True);print(time.monotonic_ns()-t)"  # noqa: E501 - one line for -c
    done = server.run([sys.executable, "-I", "-S", "-c", timer, str(_clp()), "status"])
    return {"clp status": int(done.stdout) / _NS_PER_MS}


def _clp() -> Path:
    return Path(sys.executable).with_name("clp")


# -- at rest


@attrs.frozen(kw_only=True)
class Rest:
    """What one server costs at rest: its agent, template and workers together."""

    server: str
    role: str
    pss_mib: float
    cpu_percent: float
    processes: int


def at_rest(seconds: int) -> tuple[Rest, ...]:
    """Measure memory and CPU of both servers while nothing happens, with the default look times."""
    with rig(Times(timeout=1_000)) as measured:
        active = measured.home()
        status = measured.lab.status()
        pids = {s.name: tuple(_manager(s.pid, s.agent_pid or 0)) for s in status.servers}
        before = {name: _cpu(mine) for name, mine in pids.items()}
        time.sleep(seconds)  # the measurement itself
        ticks = 100
        return tuple(
            Rest(
                server=name,
                role="active" if name == active else "standby",
                pss_mib=sum(map(_pss, mine)) / 1024,
                cpu_percent=(_cpu(mine) - before[name]) / ticks / seconds * 100,
                processes=len(mine),
            )
            for name, mine in pids.items()
        )


def _manager(pid_1: int, agent: int) -> Iterator[int]:
    """Give the machine's pids of a server's agent and everything forked from it."""
    namespace = _namespace(pid_1)
    mine = [p for p in _all_pids() if _namespace(p) == namespace]
    inner = {pid: _inner(pid) for pid in mine}
    family = {agent}
    for pid in sorted(mine, key=lambda p: inner[p][0]):
        own, parent = inner[pid]
        if own == agent or _parent_inner(parent, inner) in family:
            family.add(own)
            yield pid


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _namespace(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    return ""


def _inner(pid: int) -> tuple[int, int]:
    """Give the pid inside its own namespace, and the parent's pid outside."""
    own = parent = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                own = int(line.split()[-1])
            if line.startswith("PPid:"):
                parent = int(line.split()[1])
    return own, parent


def _parent_inner(outer: int, inner: Mapping[int, tuple[int, int]]) -> int:
    return inner[outer][0] if outer in inner else 0


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _cpu(pids: Sequence[int]) -> int:
    """Give the ticks used by these processes."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


# -- under load


def lateness(seconds: int) -> Mapping[str, float]:
    """Give the largest lateness of a 100 ms heartbeat while a driver blocks and all cores burn."""
    with (
        _blocking_plugin() as folder,
        rig(Times(timeout=500), extra=_BLOCKW, environment={"PYTHONPATH": str(folder)}) as measured,
    ):
        for name in ("node1", "node2"):
            measured.lab.burn(name, seconds, processes=1)
        time.sleep(seconds)  # the measurement itself
        return {name: _worst(measured, name) for name in ("node1", "node2")}


def _worst(measured: Rig, server: str) -> float:
    ask = (
        "import json,os,socket;s=socket.socket(socket.AF_UNIX);"
        "s.connect(os.environ['CLP_ROOT']+'/run/clpcore/control');"
        's.sendall(b\'{"do":"agent"}\\n\');print(s.makefile().readline())'
    )
    done = measured.lab.server(server).run([sys.executable, "-I", "-S", "-c", ask])
    return float(json.loads(done.stdout)["agent"]["lateness"]["worst_ms"])


@contextlib.contextmanager
def _blocking_plugin() -> Iterator[Path]:
    """Lay out a plugin whose monitor blocks its worker, as pip would install it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "bench_blocker.py").write_text(_BLOCKER, encoding="utf-8")
        info = folder / "bench_blocker-1.dist-info"
        info.mkdir()
        metadata = "Metadata-Version: 2.1\nName: bench-blocker\nVersion: 1\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        points = "[clpcore.plugins]\nblockw = bench_blocker\n"
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        yield folder


def false_failovers(times: Times, seconds: int) -> int:
    """Burn all cores and count the servers that were taken for silent."""
    with rig(times) as measured:
        for name in ("node1", "node2"):
            measured.lab.burn(name, seconds, processes=1)
        time.sleep(seconds)  # the measurement itself
        return sum(told.key == "nm2" for told in measured.story.so_far())


def step_times() -> str:
    """Give what the core's own benchmark prints: `step` at 32 servers x 512 groups."""
    argv = [sys.executable, "-P", "-m", "clpcore.simulate.speed"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
