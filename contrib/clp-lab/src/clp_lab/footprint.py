"""What a server costs while nothing happens: memory and CPU of its agent, template and workers."""

import os
import time
from pathlib import Path

import attrs

from clp_lab.rig import Times, rig


@attrs.frozen(kw_only=True)
class Rest:
    """What one server costs: its agent, template and workers together, without what they keep."""

    server: str
    role: str
    pss_mib: float
    cpu_percent: float
    processes: int


def at_rest(seconds: int) -> tuple[Rest, ...]:
    """Measure memory and CPU of both servers while nothing happens but the clients' visits."""
    with rig(Times(timeout=1_000)) as measured:
        active = measured.trial.home()
        pids = {name: manager(measured.trial.lab.pids(name)) for name in measured.trial.names}
        before = {name: _cpu_s(mine) for name, mine in pids.items()}
        began = time.monotonic()
        time.sleep(seconds)  # the measurement itself
        took = time.monotonic() - began
        return tuple(
            Rest(
                server=name,
                role="active" if name == active else "standby",
                pss_mib=sum(map(_pss_kib, mine)) / 1024,
                cpu_percent=(_cpu_s(mine) - before[name]) / took * 100,
                processes=len(mine),
            )
            for name, mine in pids.items()
        )


def manager(pids: list[int]) -> list[int]:
    """Give the agent and all that is forked from it: what is kept is a child of PID 1.

    The agent is a child of PID 1 like what it keeps, and the only one of them that has children.
    """
    parents = {pid: _parent(pid) for pid in pids}
    family = {pid for pid in pids if parents[pid] == pids[0] and pid in parents.values()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family)


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """Give the fields of a process from its state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()


def _pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _cpu_s(pids: list[int]) -> float:
    """Give the seconds that these processes have run so far."""
    ticks = sum(int(field) for pid in pids for field in _stat(pid)[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")
