"""What a lab hands out: its servers and its client, a visitor's and an auditor's findings."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clp_lab import process
from clp_lab.audit import Record, read_record
from clp_lab.errors import LabError
from clp_lab.folders import CONTROL
from clp_lab.plan import SHARED
from clp_lab.process import Process
from clp_lab.visits import Visit, visit_from

_STEP_S = 0.005
_CHUNK = 1 << 20


class Spot:
    """A place of the lab in which commands run: a server or the client."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self.name = folder, name

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: str = "",
        timeout: float = 30.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the result carries exit code and output as text."""
        return process.run(
            self._folder / CONTROL,
            self.name,
            argv,
            environment=environment or {},
            folder=folder,
            timeout=timeout,
        )

    def start(
        self,
        argv: Sequence[str],
        *,
        stdio: tuple[int, int, int],
        environment: Mapping[str, str] | None = None,
        folder: str = "",
    ) -> Process:
        """Start a command on the given standard streams; it ends with the returned object."""
        return Process(
            self._folder / CONTROL,
            self.name,
            argv,
            environment=environment or {},
            folder=folder,
            stdio=stdio,
        )


class Server(Spot):
    """A server of the lab."""

    @property
    def shared(self) -> Path:
        """The folder that all servers see, from outside."""
        return self._folder / SHARED

    @property
    def root(self) -> Path:
        """Its CLP_ROOT, seen from outside."""
        return self._folder / self.name

    @property
    def log(self) -> Path:
        """What its agents of all lives wrote to standard output and error."""
        return self._folder / "log" / f"{self.name}.log"


class Findings:
    """The lines that somebody writes into a file in memory while he works.

    In memory, because a disk that is busy with somebody's fsync can hold a writer up for longer
    than what it measures.
    """

    def __init__(self) -> None:
        self.fd = os.memfd_create("findings")
        self._offset, self._half = 0, b""
        self._lines: list[str] = []
        self._open = True

    def lines(self) -> list[str]:
        """Give all whole lines so far; only what is new is read."""
        while self._open and (data := os.pread(self.fd, _CHUNK, self._offset)):
            self._offset += len(data)
            *whole, self._half = (self._half + data).split(b"\n")
            self._lines += [line.decode() for line in whole]
        return self._lines

    def close(self) -> None:
        """Read the rest, and give the memory back."""
        self.lines()
        self._open = False
        os.close(self.fd)


class Visits(Findings):
    """A visitor's findings; `so_far` may be read at any time, also when it has ended."""

    def __init__(self) -> None:
        super().__init__()
        self._visits: list[Visit] = []

    def so_far(self) -> tuple[Visit, ...]:
        """Give the visits in the order of their outcomes."""
        return tuple(self._grown())

    def _grown(self) -> list[Visit]:
        self._visits += map(visit_from, self.lines()[len(self._visits) :])
        return self._visits

    def wait_for(
        self, wanted: Callable[[Visit], bool], *, after: int = 0, timeout: float = 30.0
    ) -> Visit:
        """Give the first visit begun after `after` that is wanted; LabError when none comes."""
        deadline, looked = time.monotonic() + timeout, 0
        while time.monotonic() < deadline:
            visits = self._grown()
            for visit in visits[looked:]:
                if visit.begin >= after and wanted(visit):
                    return visit
            looked = len(visits)
            time.sleep(_STEP_S)
        seen = sorted({(visit.outcome, visit.who) for visit in self.so_far() if visit.end >= after})
        raise LabError(f"no such visit within {timeout:g} s; seen since: {seen}")


class Audit(Findings):
    """An auditor's findings; `record` may be read at any time, also when it has ended."""

    def record(self) -> Record:
        return read_record(self.lines())
