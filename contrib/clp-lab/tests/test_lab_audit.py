from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clp_lab.audit import Auditor, Change, Overlap, Record
from clp_lab.board import Board
from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.process import Process

Wait = Callable[..., Any]
Listen = Callable[[str], Process]

_PORT = 26002
_UNUSED = 26_099  # by any test


def _record(*changes: tuple[int, tuple[str, ...]]) -> Record:
    found = tuple(Change(at=at, port=1, servers=servers) for at, servers in changes)
    return Record(changes=found, samples=9, largest_gap=1)


def test_an_overlap_lasts_until_one_of_them_stops() -> None:
    record = _record((5, ("a",)), (7, ("a", "b")), (9, ("b",)))
    assert record.overlaps() == (Overlap(port=1, servers=("a", "b"), begin=7, end=9),)


def test_an_overlap_at_the_end_is_open() -> None:
    assert _record((7, ("a", "b"))).overlaps()[0].end is None


def test_one_after_the_other_is_no_overlap() -> None:
    assert _record((5, ("a",)), (7, ()), (9, ("b",))).overlaps() == ()


class _Eye:
    """Sees what it is told to, one look after the other."""

    def __init__(self, *looks: bool) -> None:
        self._looks = iter(looks)

    def ports(self, wanted: frozenset[int]) -> frozenset[int]:
        return wanted if next(self._looks) else frozenset()


@pytest.mark.parametrize(
    ("node1", "node2", "told"),
    [
        ((True, True), (True,), ["node1", "node2"]),
        ((True, False), (True,), ["node2"]),  # node1 stopped before node2 was looked at
        ((True,), (False,), ["node1"]),
    ],
)
def test_two_looks_one_after_the_other_make_no_overlap(
    tmp_path: Path, node1: tuple[bool, ...], node2: tuple[bool, ...], told: list[str]
) -> None:
    auditor = Auditor(Board(2), {"node1": 0, "node2": 1}, [_PORT], 10)
    auditor._eyes = {"node1": _Eye(*node1), "node2": _Eye(*node2)}  # type: ignore[dict-item]
    with (tmp_path / "record").open("wb") as file:
        auditor._look(file.fileno())
    assert json.loads((tmp_path / "record").read_text())["on"] == told


@pytest.mark.netns
def test_an_auditor_that_does_not_look_to_the_end_is_told(pair: Lab) -> None:
    def auditors() -> set[int]:
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text()
        return {int(pid) for pid in children.split()}

    keeper = pair.status().keeper
    before = auditors()
    audit = pair.audit(_PORT)
    audit.__enter__()
    (pid,) = auditors() - before
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(LabError, match="the auditor ended too early, with -9"):
        audit.__exit__(None, None, None)
    assert pair.status().keeper == keeper


@pytest.fixture
def listen(pair: Lab, stand_in: Path) -> Iterator[Listen]:
    with contextlib.ExitStack() as stack:
        null = stack.enter_context(Path(os.devnull).open("r+b"))

        def start(name: str) -> Process:
            argv = [sys.executable, str(stand_in), "listen", str(_PORT)]
            started = pair.server(name).start(argv, stdio=(null.fileno(),) * 3)
            return stack.enter_context(started)

        yield start


def _last(record: Record) -> tuple[str, ...]:
    return record.changes[-1].servers if record.changes else ()


@pytest.mark.netns
def test_two_listeners_at_once_are_seen_and_one_after_the_other_is_not(
    pair: Lab, listen: Listen, eventually: Wait
) -> None:
    with pair.audit(_PORT, every=5) as audit:
        for name in ("node1", "node2", "node1"):
            process = listen(name)
            eventually(lambda name=name: _last(audit.record()) == (name,))
            process.kill()
            eventually(lambda: _last(audit.record()) == ())
        assert audit.record().overlaps() == ()
        listen("node1")
        eventually(lambda: _last(audit.record()) == ("node1",))
        listen("node2")
        eventually(lambda: _last(audit.record()) == ("node1", "node2"))
    (overlap,) = audit.record().overlaps()
    assert (overlap.port, overlap.servers, overlap.end) == (_PORT, ("node1", "node2"), None)


@pytest.mark.netns
def test_a_listener_that_is_killed_or_paused_counts_no_more_and_a_resumed_one_again(
    pair: Lab, listen: Listen, eventually: Wait
) -> None:
    with pair.audit(_PORT, every=5) as audit:
        listen("node1")
        assert eventually(lambda: _last(audit.record()) == ("node1",))
        pair.pause("node1")
        assert eventually(lambda: _last(audit.record()) == ())
        pair.resume("node1")
        assert eventually(lambda: _last(audit.record()) == ("node1",))
        pair.kill("node1")
        assert eventually(lambda: _last(audit.record()) == ())
        pair.start("node1")
        listen("node1")
        assert eventually(lambda: _last(audit.record()) == ("node1",))


@pytest.mark.netns
def test_the_auditor_looks_without_a_break_while_every_core_burns(
    pair: Lab, eventually: Wait
) -> None:
    with pair.audit(_UNUSED, every=10) as audit:  # the last test's listener may still be ending
        pair.burn("node1", 1.0, processes=4)
        eventually(lambda: audit.record().samples > 60)
    record = audit.record()
    assert record.largest_gap < 250_000_000
    assert record.changes == ()


@pytest.mark.netns
def test_a_look_is_cheap(pair: Lab) -> None:
    """With the machine's own table of connections one look would take the kernel milliseconds."""
    entries = pair.server("node1").run(["cat", "/proc/sys/net/ipv4/tcp_ehash_entries"]).stdout
    assert int(entries) == 256


@pytest.mark.netns
def test_many_listeners_are_all_seen(pair: Lab, eventually: Wait) -> None:
    code = (
        "import socket,time\n"
        "held=[socket.create_server(('', port)) for port in range(20000, 20100)]\n"
        "v6=socket.create_server(('::', 20200), family=socket.AF_INET6)\n"
        "time.sleep(60)"
    )
    with pair.audit(20000, 20050, 20099, 20200) as audit, Path(os.devnull).open("r+b") as null:
        stdio = (null.fileno(),) * 3
        with pair.server("node2").start([sys.executable, "-c", code], stdio=stdio):
            assert eventually(lambda: len({one.port for one in audit.record().changes}) == 4)
