from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab.control import Control
from clp_lab.errors import LabError, LabGoneError
from clp_lab.folders import clear_dead
from clp_lab.lab import Lab
from clp_lab.plan import Plan, servers

pytestmark = pytest.mark.netns

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]

_START_S = 0.12  # what a start of two servers takes
_KINDS = ("net", "pid", "mnt", "uts", "user")


def _namespaces(pid: int | str) -> dict[str, str]:
    """The namespaces of a process by kind; none when it is gone."""
    with contextlib.suppress(OSError):
        return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in _KINDS}  # noqa: PTH115
    return {}


def _pids() -> Iterator[int]:
    yield from (int(path.name) for path in Path("/proc").glob("[0-9]*"))


def _began(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did; None when it is gone.

    One that is dead and waits for a foreign parent is gone.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] == "Z" and int(words[1]) != os.getpid() else int(words[19])


def _mounts(pid: int, folder: Path) -> bool:
    """Whether a process sees a mount of that lab."""
    with contextlib.suppress(OSError):
        return str(folder) in Path(f"/proc/{pid}/mountinfo").read_text()
    return False


class _Traces:
    """Everything of a lab by which a rest of it would be known."""

    def __init__(self, lab: Lab) -> None:
        status = lab.status()
        own = set(_namespaces("self").values())
        roots = [status.keeper, *status.pids.values(), *(one.pid for one in status.servers)]
        self.folder = lab.folder
        self.keeper = status.keeper
        self.guard = status.pids["guard"]
        self.namespaces = {name for pid in roots for name in _namespaces(pid).values()} - own
        inside = (pid for pid in _pids() if self.namespaces & set(_namespaces(pid).values()))
        self.began = {pid: _began(pid) for pid in {*roots, *inside}}
        self.mounts = Path("/proc/self/mountinfo").read_text()

    def left(self) -> list[str]:
        """What is still there.

        Another lab on this machine may get the numbers of what ended: a process is known by its
        begin, and a namespace counts while a process that is older than this object is in it.
        """
        newest = max(began for began in self.began.values() if began is not None)
        rest = [
            f"process {pid}" for pid, began in self.began.items() if began and _began(pid) == began
        ]
        rest += [
            f"namespace of {pid}"
            for pid in _pids()
            if self.namespaces & set(_namespaces(pid).values()) and (_began(pid) or 0) <= newest
        ]
        rest += [f"mount of {pid}" for pid in _pids() if _mounts(pid, self.folder)]
        rest += [str(self.folder)] if self.folder.exists() else []
        if Path("/proc/self/mountinfo").read_text() != self.mounts:
            rest.append("mounts")
        return rest


@pytest.fixture
def busy(make_lab: MakeLab, eventually: Wait, tmp_path: Path) -> Iterator[tuple[Lab, _Traces]]:
    """A lab in which everything runs that can."""
    lab = make_lab(capture=str(tmp_path / "frames.pcap"))
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(Path(os.devnull).open("r+b"))
        command = lab.server("node1").start(["sleep", "1000"], stdio=(null.fileno(),) * 3)
        stack.enter_context(command)
        lab.burn("node2", 30, 1)
        eventually(lambda: len(_Traces(lab).began) == 13)
        lab.pause("node2")
        yield lab, _Traces(lab)


def _wait_for_guard(lab: Lab) -> None:
    """Take the guard's exit code: until then a child is a trace."""
    assert lab._guard is not None
    lab._guard.wait(10)


def test_down_leaves_nothing(busy: tuple[Lab, _Traces]) -> None:
    lab, traces = busy
    assert len(traces.namespaces) == 4 * 4 + 1  # net, pid, mnt and uts of each place, and home
    inside = [server.pid for server in lab.status().servers]
    assert all(_mounts(pid, lab.folder) for pid in inside)
    lab.down()
    assert traces.left() == []
    with pytest.raises(LabGoneError, match="start one with 'clp lab up'"):
        lab.status()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_keeper_leaves_nothing(
    busy: tuple[Lab, _Traces], number: signal.Signals
) -> None:
    lab, traces = busy
    os.kill(traces.keeper, number)
    _wait_for_guard(lab)
    assert traces.left() == []


@pytest.mark.parametrize("rootless", [None, True], ids=["as we are", "user namespace"])
@pytest.mark.parametrize("steps", range(8))
def test_the_end_of_the_keeper_while_it_starts_leaves_nothing(
    agent: tuple[str, ...], tmp_path: Path, eventually: Wait, *, steps: int, rootless: bool | None
) -> None:
    """Killed after so many eighths of the time that a start takes, whatever it does then."""
    before = Path("/proc/self/mountinfo").read_text()
    folder = tmp_path / "lab"
    plan = Plan(servers=servers(2), agent=agent, user_namespace=rootless)
    code = (
        "import sys; from pathlib import Path; from clp_lab.lab import Lab\n"
        "from clp_lab.plan import Plan\n"
        "Lab(Plan.from_json(sys.argv[1]), folder=Path(sys.argv[2])).up(detach=True)"
    )
    argv = [sys.executable, "-c", code, plan.as_json(), str(folder)]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as starter:
        keeper = eventually(lambda: _keeper_of(folder))
        time.sleep(steps * _START_S / 8)  # whatever it does then: the point of the test
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGKILL)
        starter.wait(10)
    eventually(lambda: not folder.exists())
    assert _began(keeper) is None
    assert [pid for pid in _pids() if _mounts(pid, folder)] == []
    assert Path("/proc/self/mountinfo").read_text() == before


def _keeper_of(folder: Path) -> int | None:
    """The keeper of a lab that is being made: the one whose parent, too, logs into its folder."""
    log = str(folder / "log/keeper.log")
    for pid in _pids():
        if _log(pid) == log and _log(_parent(pid)) == log:
            return pid
    return None


def _log(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/fd/2")  # noqa: PTH115
    return ""


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_of_the_guard_leaves_nothing(
    busy: tuple[Lab, _Traces], eventually: Wait, number: signal.Signals
) -> None:
    lab, traces = busy
    os.kill(traces.guard, number)
    _wait_for_guard(lab)
    assert eventually(lambda: not traces.left())


def test_the_end_of_both_leaves_only_the_folder_and_only_until_the_next_lab(
    busy: tuple[Lab, _Traces], eventually: Wait
) -> None:
    lab, traces = busy
    os.kill(traces.guard, signal.SIGSTOP)  # so that it sees nothing
    os.kill(traces.keeper, signal.SIGKILL)
    os.kill(traces.guard, signal.SIGKILL)
    _wait_for_guard(lab)
    eventually(lambda: traces.left() == [str(lab.folder)])
    clear_dead(lab.folder)
    assert traces.left() == []


def test_the_end_of_a_part_ends_the_lab(busy: tuple[Lab, _Traces]) -> None:
    lab, traces = busy
    os.kill(lab.status().pids["switch"], signal.SIGKILL)
    _wait_for_guard(lab)
    assert traces.left() == []


def test_the_end_of_its_owner_ends_the_lab(eventually: Wait, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    code = (
        "import sys, time; from pathlib import Path; from clp_lab.lab import Lab\n"
        "from clp_lab.plan import Plan, servers\n"
        f"Lab(Plan(servers=servers(1), agent=()), folder=Path({str(folder)!r})).up()\n"
        "print('up', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        keeper = Control(folder).status().keeper
        owner.kill()
    eventually(lambda: not folder.exists() and not Path(f"/proc/{keeper}").exists())


def test_a_detached_lab_outlives_its_starter_and_ends_when_told(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    Lab(Plan(servers=servers(1), agent=()), folder=folder).up(detach=True)
    lab = Control(folder)
    keeper = lab.status().keeper
    lab.down()
    assert not folder.exists()
    assert not Path(f"/proc/{keeper}").exists()
    lab.down()


def test_two_labs_do_not_meet(make_lab: MakeLab, eventually: Wait) -> None:
    one, other = make_lab(), make_lab()
    assert one.folder != other.folder
    one.kill("node2")
    eventually(lambda: other.status().server("node2").agent_pid)
    assert other.status().server("node2").power == "up"


def test_a_folder_is_one_labs_alone(make_lab: MakeLab) -> None:
    lab = make_lab()
    clear_dead(lab.folder)
    with pytest.raises(LabError, match=r"cannot make the lab's folder .*: File exists"):
        Lab(Plan(servers=servers(1)), folder=lab.folder).up()
    assert lab.status().server("node1").power == "up"


def test_a_folder_too_deep_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"is too deep .*: \d+ characters less, please"):
        Lab(Plan(servers=servers(1)), folder=tmp_path / ("x" * 80))


def test_a_lab_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    lab = Lab(Plan(servers=servers(2), files={"etc/x": "/nowhere"}), folder=folder)
    with pytest.raises(LabError, match="cannot copy /nowhere"):
        lab.up()
    assert not folder.exists()
