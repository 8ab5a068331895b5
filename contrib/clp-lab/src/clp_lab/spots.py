"""What a lab hands out: its servers and its client, a visitor's and an auditor's findings."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from clp_lab import process
from clp_lab.audit import Record, read_record
from clp_lab.errors import LabError
from clp_lab.folders import CONTROL
from clp_lab.process import Process
from clp_lab.visits import Visit, visit_from

_STEP_S = 0.005


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
    def root(self) -> Path:
        """Its CLP_ROOT, seen from outside."""
        return self._folder / self.name

    @property
    def log(self) -> Path:
        """What its agents of all lives wrote to standard output and error."""
        return self._folder / "log" / f"{self.name}.log"


class _Findings:
    """The lines of a file that grows while somebody works; complete when the work is over."""

    def __init__(self, file: Path) -> None:
        self._file = file.open(encoding="utf-8")
        self._half = ""
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        """Give all whole lines so far; only what is new is read."""
        if not self._file.closed:
            *whole, self._half = (self._half + self._file.read()).split("\n")
            self._lines += whole
        return self._lines

    def close(self) -> None:
        """Read the rest, before the file goes."""
        self.lines()
        self._file.close()


class Visits(_Findings):
    """A visitor's findings; `so_far` may be read at any time, also when it has ended."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._visits: list[Visit] = []

    def so_far(self) -> Sequence[Visit]:
        """Give the visits in the order of their outcomes."""
        self._visits += map(visit_from, self.lines()[len(self._visits) :])
        return self._visits

    def wait_for(
        self, wanted: Callable[[Visit], bool], *, after: int = 0, timeout: float = 30.0
    ) -> Visit:
        """Give the first visit begun after `after` that is wanted; LabError when none comes."""
        deadline, looked = time.monotonic() + timeout, 0
        while time.monotonic() < deadline:
            visits = self.so_far()
            for visit in visits[looked:]:
                if visit.begin >= after and wanted(visit):
                    return visit
            looked = len(visits)
            time.sleep(_STEP_S)
        seen = sorted({(visit.outcome, visit.who) for visit in self.so_far() if visit.end >= after})
        raise LabError(f"no such visit within {timeout:g} s; seen since: {seen}")


class Audit(_Findings):
    """An auditor's findings; `record` may be read at any time, also when it has ended."""

    def record(self) -> Record:
        return read_record(self.lines())
