"""A simulator beside a test: in a thread of its process, or as a process of its own."""

import asyncio
import contextlib
import select
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import attrs

from clp_azuresim import control
from clp_azuresim.azure import Azure
from clp_azuresim.desk import Desk
from clp_azuresim.machine import Machine
from clp_azuresim.plan import Plan
from clp_azuresim.simulator import Simulator

_PATIENCE_S = 10.0


@contextlib.contextmanager
def simulated(
    plan: Plan, folder: Path, machines: Mapping[str, Machine] | None = None
) -> Iterator[Azure]:
    """Run an Azure during the block.

    Args:
        plan: what there is.
        folder: of its certificates; what is missing is made, the rest is used again.
        machines: what virtual machines are bound to, by name; others to a test double.
    """
    begun: Future[_Life] = Future()
    over: Future[None] = Future()

    async def live() -> None:
        simulator = Simulator(plan, folder, machines)
        await simulator.start()
        life = _Life(asyncio.get_running_loop(), Desk(simulator))
        begun.set_result(life)
        try:
            await life.ended.wait()
        finally:
            await simulator.stop()

    def run() -> None:
        try:
            asyncio.run(live())  # which ends every task and thread that is left
            over.set_result(None)
        except BaseException as problem:  # noqa: BLE001 - it is raised where somebody waits
            (over if begun.done() else begun).set_exception(problem)

    thread = threading.Thread(target=run, name="clp-azuresim")
    thread.start()
    try:
        life = begun.result(_PATIENCE_S)
        try:
            yield Azure(life.ask)
        finally:
            life.loop.call_soon_threadsafe(life.ended.set)
            over.result(_PATIENCE_S)
    finally:
        thread.join(_PATIENCE_S)


@attrs.frozen
class _Life:
    """A simulator in its thread, as other threads hold it."""

    loop: asyncio.AbstractEventLoop
    desk: Desk
    ended: asyncio.Event = attrs.field(init=False, factory=asyncio.Event)

    def ask(self, word: str, details: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a word's own
        asked = self.desk.ask(word, dict(details))
        return asyncio.run_coroutine_threadsafe(asked, self.loop).result(_PATIENCE_S)


@contextlib.contextmanager
def running(file: Path, folder: Path) -> Iterator[Azure]:
    """Run `clp-azuresim --config FILE` during the block.

    Args:
        file: what there is.
        folder: of its certificates and its control socket; made when it is not there.
    """
    command = [sys.executable, "-m", "clp_azuresim", "--config", str(file), "--folder", str(folder)]
    # Unbuffered: a line that Python had read ahead would be hidden from select.
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            _await_ready(process)
            yield control.connect(folder)
        finally:
            process.terminate()


def _await_ready(process: subprocess.Popen[bytes]) -> None:
    """Read to the line that says so; it ends, or is silent for too long: RuntimeError."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    line = b""
    while line != b"ready\n":
        ready, _, _ = select.select([process.stdout], (), (), _PATIENCE_S)
        line = process.stdout.readline() if ready else b""
        if not line:
            raise RuntimeError("clp-azuresim did not get ready: see what it wrote to stderr")
