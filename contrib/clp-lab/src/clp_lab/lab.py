"""A cluster from Python: bring it up, break it, look at it, and leave nothing behind.

    with Lab(Plan(servers=servers(2))) as lab:
        with lab.visit("http://203.0.113.10/") as visits, lab.audit(8080) as audit:
            killed = lab.kill("node1")
            visits.wait_for(lambda visit: visit.who == "node2", after=killed)
        assert not audit.record().overlaps()

All times are nanoseconds of the machine's monotonic clock, which every place shares.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from clp_lab import check
from clp_lab.channel import Message
from clp_lab.control import Control
from clp_lab.errors import LabError
from clp_lab.folders import labs_folder
from clp_lab.plan import Plan

_START_S = 30.0
_END_S = 15.0


class Lab(Control):
    """A lab of one's own: it ends with the process that started it, unless `up` detached it."""

    def __init__(self, plan: Plan, *, folder: Path | None = None) -> None:
        """Take the plan; nothing is started yet.

        Args:
            plan: the lab; LabError when it contradicts itself.
            folder: where the lab keeps everything; it must not exist yet. None: a new one.
        """
        check.must_be_sound(plan)
        super().__init__(folder or labs_folder() / os.urandom(4).hex())
        check.must_hold_sockets(self.folder, plan)
        self._plan = plan
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner: int | None = None

    def up(self, *, detach: bool = False) -> None:
        """Start the lab; every server's PID 1 works and its agent is started when this returns."""
        reading, writing = (None, None) if detach else os.pipe()
        order = {
            "folder": str(self.folder),
            "detach": detach,
            "owner": reading,
            "plan": self._plan.as_json(),
        }
        guard = subprocess.Popen(
            [sys.executable, "-P", "-m", "clp_lab.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=() if reading is None else (reading,),
            start_new_session=True,
        )
        if reading is not None:
            os.close(reading)
        self._guard, self._owner = guard, writing
        answer = _answer_of(guard, order)
        if detach or "failed" in answer:
            self._wait_guard()
        if "failed" in answer:
            raise LabError(str(answer["failed"]))

    def down(self) -> None:
        super().down()
        self._wait_guard()

    def _wait_guard(self) -> None:
        if self._owner is not None:
            os.close(self._owner)
            self._owner = None
        if self._guard is not None:
            self._guard.wait(_END_S)
            self._guard = None

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.down()


def _answer_of(guard: subprocess.Popen[bytes], order: Mapping[str, object]) -> Message:
    """Hand the plan over and wait for the one line that says how the start went."""
    assert guard.stdin is not None  # noqa: S101 - both are pipes
    assert guard.stdout is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError), guard.stdin:
        guard.stdin.write(json.dumps(order).encode())
    with guard.stdout:
        ready, _, _ = select.select([guard.stdout], (), (), _START_S)
        line = guard.stdout.readline() if ready else b""
    if line:
        return dict(json.loads(line))
    guard.terminate()
    return {"failed": f"the lab did not start within {_START_S:g} s, or ended without a word"}
