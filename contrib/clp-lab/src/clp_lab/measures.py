"""What the benchmark times, one function each; in milliseconds.

Servers' journals, the client's visits and the starts of processes are on one clock, so that the
parts of a failover can be told apart: a journal counts whole milliseconds, a client asks every 5,
and the kernel counts the starts of processes in hundredths of a second.
"""

import os
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from clp_lab import visits
from clp_lab.plan import CLP
from clp_lab.rig import Rig, Times, other, rig
from clp_lab.timeline import boot_time_offset

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000

# So many kills in a row are a crash loop, which fails over after the third.
_NEVER_ELSEWHERE: Final = "[monitor.pidw1]\nmax_reactivations = 1000\n"


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


def _in_ms(figures: Mapping[str, int]) -> Mapping[str, float]:
    return {name: value / _NS_PER_MS for name, value in figures.items()}


def server_kill(times: Times, runs: int) -> Sample:
    """Kill the active server, again and again; split the time to the other's first answer.

    The fault is the moment in which the switch port closed. Then, one after the other and without
    a gap: detected (nm2: silent for the timeout), decided (rc10: the group is claimed and its
    activation begins), activated (rc11: all of its resources are), routed (first answer through
    the frontend). Beside them: the first answer that the client got by asking the server itself,
    and of it the application's own start: from the fork of its process on.

    The group's activation does not wait for the application (start_sync = false), so that the own
    overhead is all of the time from detected to activated.
    """
    dice = random.Random(runs)
    with rig(times) as measured:
        moments = [dice.uniform(0, times.interval / 1000) for _ in range(runs)]
        return Sample([_one_kill(measured, moment) for moment in moments])


def _one_kill(measured: Rig, moment: float) -> Mapping[str, float]:
    active = measured.trial.home()
    heir = other(active)
    time.sleep(moment)  # rest comes with a heartbeat, a fault at any time between two of them
    fault = measured.trial.lab.kill(active)
    routed = measured.answered(measured.frontend, heir, fault)
    direct = measured.answered(measured.direct[heir], heir, fault)
    detected = measured.told("nm2", fault, by=heir)
    decided = measured.told("rc10", fault, by=heir)
    activated = measured.told("rc11", fault, by=heir)
    begun = _application_began(measured, heir)
    measured.trial.lab.start(active)
    return _in_ms(
        {
            "detected": detected - fault,
            "decided": decided - detected,
            "activated": activated - decided,
            "routed": routed - activated,
            "through the frontend": routed - fault,
            "first answer": direct - fault,
            "application's own start": direct - begun,
            "own overhead": activated - detected,
        }
    )


def _application_began(measured: Rig, server: str) -> int:
    """Give the monotonic nanosecond at which the kernel forked the application's process."""
    kept = measured.trial.kept(server)["exec1"]
    done = measured.trial.run(server, f"cat /proc/{kept}/stat")
    ticks = int(done.stdout.rpartition(")")[2].split()[19])
    return ticks * _NS_PER_S // os.sysconf("SC_CLK_TCK") - boot_time_offset()


def application_kill(runs: int) -> Sample:
    """Kill the web server; how long until it answers again?

    Outage: between the last answer before and the first one after it, for a client that asks the
    server itself. Own overhead: from the end of the process, as the manager hears of it (rm140),
    to the fork of the next one; the rest is the application's own start.
    """
    with rig(Times(timeout=1_000), extra=_NEVER_ELSEWHERE) as measured:
        return Sample([_one_application_kill(measured) for _ in range(runs)])


def _one_application_kill(measured: Rig) -> Mapping[str, float]:
    active = measured.trial.home()
    measured.trial.until(lambda: _ladder_is_down(measured, active), complaint="a ladder stays up")
    pid = measured.trial.kept(active)["exec1"]
    asked = time.monotonic_ns()
    measured.trial.run(active, f"kill -9 {pid}")
    seen = measured.told("rm140", asked, by=active)
    measured.told("rc11", seen, by=active)
    answer = measured.answered(measured.direct[active], active, seen)
    begun = _application_began(measured, active)
    return _in_ms(
        {
            "outage": visits.outage(measured.direct[active].so_far(), after=asked),
            "event to answer": answer - seen,
            "own overhead": begun - seen,
            "application's own start": answer - begun,
        }
    )


def _ladder_is_down(measured: Rig, server: str) -> bool:
    return bool(measured.trial.monitor("pidw1", by=server)["servers"][server]["state"] == "Online")


def planned_move(runs: int) -> Sample:
    """Move the group by command.

    Outages: between the last answer of the old server and the first one of the new, asked
    directly and through the frontend. Command: from its start to its end.
    """
    with rig(Times(timeout=1_000)) as measured:
        return Sample([_one_move(measured) for _ in range(runs)])


def _one_move(measured: Rig) -> Mapping[str, float]:
    active = measured.trial.home()
    heir = other(active)
    asked = time.monotonic_ns()
    command = measured.timed(active, "group", "move", "failover1", "--to", heir)
    first = measured.answered(measured.direct[heir], heir, asked)
    routed = measured.answered(measured.frontend, heir, asked)
    return _in_ms(
        {
            "outage": first - _last_answer(measured.direct[active].so_far(), active, first),
            "frontend outage": routed - _last_answer(measured.frontend.so_far(), active, routed),
            "command": command,
        }
    )


def _last_answer(seen: Sequence[visits.Visit], who: str, before: int) -> int:
    return max(visit.end for visit in seen if visit.who == who and visit.end < before)


def status_command(runs: int) -> Sample:
    """Time `clp status` as an operator's shell does."""
    with rig(Times(timeout=1_000)) as measured:
        times = [measured.timed("node1", "status") for _ in range(runs)]
        return Sample([_in_ms({"clp status": each}) for each in times])


def product_status(runs: int) -> Sample:
    """Time `clpstat`, as a script of an operator calls it."""
    with rig(Times(timeout=1_000)) as measured:
        command = str(Path(CLP).with_name("clpstat"))
        times = [measured.timed("node1", command=command) for _ in range(runs)]
        return Sample([_in_ms({"clpstat": each}) for each in times])


def apply(runs: int) -> Sample:
    """Time `clp config apply` of a monitor's interval, which interrupts nothing, on two servers."""
    with rig(Times(timeout=5_000)) as measured:
        conf = measured.trial.lab.server("node1").root / "etc/clpcore/conf.d/extra.toml"
        times = []
        for run in range(runs):
            conf.write_text(f"[monitor.pidw1]\ninterval = {10 + run}\n")
            times.append(measured.timed("node1", "config", "apply", "--yes"))
            measured.trial.wait_ready()
        return Sample([_in_ms({"clp config apply": each}) for each in times])


def imports(files: Sequence[Path], runs: int) -> Sample:
    """Time `clp config import` of each of *files*, beginning with the process."""
    times = []
    for _ in range(runs):
        figures = {}
        for file in files:
            with tempfile.TemporaryDirectory() as folder:
                begun = time.monotonic_ns()
                argv = [CLP, "config", "import", str(file), f"{folder}/made"]
                subprocess.run(argv, check=True, capture_output=True, timeout=60)
                figures[f"clp config import {file.parent.name}"] = time.monotonic_ns() - begun
        times.append(figures)
    return Sample([_in_ms(each) for each in times])
