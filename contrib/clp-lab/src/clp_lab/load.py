"""What burning cores and a blocking driver do to heartbeats: nothing, or so it should be."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from clp_lab.errors import LabError
from clp_lab.rig import Rig, Times, rig

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


def lateness(seconds: int) -> Mapping[str, float]:
    """Give the largest lateness of a 100 ms heartbeat while a driver blocks and all cores burn.

    Lateness: the gap between two heartbeats that an agent sent, minus the interval. The worst one
    since the agent's start, which is the only one that it remembers.
    """
    with (
        _blocking_plugin() as folder,
        rig(Times(timeout=500), extra=_BLOCKW, environment={"PYTHONPATH": str(folder)}) as measured,
    ):
        _burn(measured, seconds)
        time.sleep(seconds)  # the measurement itself
        if not all(_was_blocked(measured, name) for name in measured.trial.names):
            raise LabError("the driver did not block: what was measured is not what was meant")
        return {
            name: float(measured.trial.agent(name)["lateness"]["worst_ms"])
            for name in measured.trial.names
        }


def _burn(measured: Rig, seconds: int) -> None:
    """Keep every core of the machine busy, from inside of the two servers."""
    names = measured.trial.names
    for number, name in enumerate(names):
        cores = len(range(number, os.cpu_count() or 1, len(names)))
        if cores:
            measured.trial.lab.burn(name, seconds, processes=cores)


def _was_blocked(measured: Rig, server: str) -> bool:
    """Tell whether a worker had to be killed: no driver that does its work is."""
    return "was replaced" in measured.trial.log(server)


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
    """Burn all cores and count how often a server was taken for silent."""
    with rig(times) as measured:
        began = time.monotonic_ns()
        _burn(measured, seconds)
        time.sleep(seconds)  # the measurement itself
        journals = [measured.trial.journal(name) for name in measured.trial.names]
        return sum(told.key == "nm2" and told.at > began for one in journals for told in one)


def step_times() -> str:
    """Give what the core's own benchmark prints: `step` at 32 servers x 512 groups."""
    argv = [sys.executable, "-P", "-m", "clpcore.simulate.speed"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
