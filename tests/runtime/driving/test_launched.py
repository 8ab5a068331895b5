"""Only what certainly was started here is killed, whatever a file of /run says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import kept, processes
from clpcore.runtime.driving.launch import Program, launch
from clpcore.runtime.driving.launched import Launched, Unproven, new_mark
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits

_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="g",
    resource="r",
)


@attrs.define
class Session:
    """A session of real processes: its leader, and the children that it wrote down."""

    leader: Launched
    children: list[int] = attrs.field(factory=list)

    @classmethod
    def begin(cls, pids: Path, *children: str) -> Session:
        """Start a leader that becomes a sleeper once it has written its children to *pids*."""
        program = Program(
            path="/bin/sh",
            argv=["sh", "-c", "; ".join((*children, "exec sleep 600"))],
            env={"PATH": os.environ["PATH"], "PIDS": str(pids)},
            output=2,
        )
        return cls(asyncio.run(launch(program, lambda _child: None, detach=True)))

    def settle(self, pids: Path, count: int) -> None:
        """Wait until everybody is who it shall be."""
        _within(lambda: pids.exists() and pids.read_text().count("\n") == count)
        self.children = [int(pid) for pid in pids.read_text().split()]
        everybody = (self.leader.pid, *self.children)
        _within(lambda: all(_command(pid) == ["sleep", "600"] for pid in everybody))

    def lose_its_leader(self) -> None:
        os.kill(self.leader.pid, signal.SIGKILL)
        _within(lambda: processes.stat(self.leader.pid) is None)  # PID 1 has noticed

    @property
    def alive(self) -> list[int]:
        """Give which of the children live."""
        found = {pid: processes.stat(pid) for pid in self.children}
        return [pid for pid, one in found.items() if one and not one.gone]


_CHILD = "sleep 600 & echo $! >> $PIDS"
_STRIPPED = "env -i sleep 600 & echo $! >> $PIDS"  # like su: the environment is another one


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")


def _within(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    begun: list[Session] = []

    def begin(*children: str) -> Session:
        pids = tmp_path / "pids"
        session = Session.begin(pids, *children)
        begun.append(session)
        session.settle(pids, len(children))
        return session

    yield begin
    for session in begun:
        for pid in (session.leader.pid, *session.children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


Begin = Callable[..., Session]


def _end(launched: Launched) -> bool:
    return asyncio.run(launched.end(grace=0))


def test_children_of_a_leader_that_is_gone_are_ended_by_their_mark(begin: Begin) -> None:
    session = begin(_CHILD, _CHILD)
    session.lose_its_leader()
    assert _end(session.leader)
    assert session.alive == []


def test_one_marked_child_proves_the_session_of_its_siblings(begin: Begin) -> None:
    session = begin(_CHILD, _STRIPPED)
    session.lose_its_leader()
    assert _end(session.leader)
    assert session.alive == []


def test_a_living_leader_proves_the_session_by_its_start(begin: Begin) -> None:
    session = begin(_STRIPPED)
    assert _end(session.leader)
    assert session.alive == []


def test_a_session_that_nothing_proves_is_left_alone(begin: Begin) -> None:
    session = begin(_STRIPPED)
    session.lose_its_leader()
    with pytest.raises(Unproven, match=f"pid {session.children[0]}"):
        _end(session.leader)
    assert session.alive == session.children


def test_a_stale_file_ends_nobody_of_a_foreign_session(begin: Begin, tmp_path: Path) -> None:
    """The number of our leader was given away; that one opened a session, and has ended, too."""
    foreign = begin(_CHILD)
    foreign.lose_its_leader()
    folders = Folders.of(Root(tmp_path), _CALL)
    stale = attrs.evolve(foreign.leader, mark=new_mark())
    kept.write(folders.kept, kept.Identity("app", stale))
    ports = LocalPorts(_CALL, folders, Limits())
    with pytest.raises(api.Failed, match=r"end by hand .* then remove .*/app\.json"):
        asyncio.run(ports.end("app", grace=0))
    assert foreign.alive == foreign.children


def test_an_abandoned_command_of_another_mark_is_not_swept(begin: Begin, tmp_path: Path) -> None:
    foreign = begin(_CHILD)
    foreign.lose_its_leader()
    folders = Folders.of(Root(tmp_path), _CALL)
    folders.commands.mkdir(parents=True)
    stale = attrs.evolve(foreign.leader, mark=new_mark())
    (folders.commands / str(stale.pid)).write_text(stale.text)
    with pytest.raises(api.Failed, match="does not carry the mark"):
        asyncio.run(LocalPorts(_CALL, folders, Limits()).sweep())
    assert foreign.alive == foreign.children


def test_what_was_started_in_another_boot_is_gone(begin: Begin) -> None:
    """Its pid and its start may by chance be those of somebody in this boot."""
    session = begin(_CHILD)
    earlier = attrs.evolve(session.leader, mark="another-boot.00")
    assert not earlier.alive
    assert _end(earlier)
    assert session.leader.alive
    assert session.alive == session.children


@pytest.mark.parametrize("pid", [1, 0, -1])
def test_a_number_that_never_is_ours_is_a_damaged_file(tmp_path: Path, pid: int) -> None:
    kept.file(tmp_path, "app").write_text(f'{{"pid": {pid}, "started": 0, "mark": "", "log": ""}}')
    with pytest.raises(api.Failed, match="damaged"):
        kept.read(tmp_path, "app")
    with pytest.raises(ValueError, match="must be >= 2"):
        Launched(pid, 0, "")


def test_marks_are_never_the_same() -> None:
    assert new_mark() != new_mark()
