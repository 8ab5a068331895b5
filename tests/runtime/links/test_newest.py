"""What was taken of each server outlives the agent, and is never more than was taken."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clpcore.model.ids import Boot, Incarnation
from clpcore.runtime.links.newest import Newest, Number
from clpcore.wire.datagram import Opened
from clpcore.wire.rejected import Reason, Rejected

_NOTER = """
import os, pathlib, signal, sys
from clpcore.model.ids import Boot, Incarnation
from clpcore.runtime.links.newest import Newest
from clpcore.wire.datagram import Opened
newest = Newest.opened(pathlib.Path(sys.argv[1]), ["node2", "node3"])
for sequence in range(1, 1001):
    life = Incarnation(Boot(4), 2)
    newest.note(Opened(sender="node3", incarnation=life, sequence=sequence, payload=b""))
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(boot: int, start: int, sequence: int, sender: str = "node2") -> Opened:
    life = Incarnation(Boot(boot), start)
    return Opened(sender=sender, incarnation=life, sequence=sequence, payload=b"")


def test_what_a_killed_agent_noted_is_known_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "run" / "newest"
    argv = [sys.executable, "-P", "-c", _NOTER, str(path)]
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    newest = Newest.opened(path, ["node2", "node3"])
    assert newest.before == {"node2": Number(), "node3": Number(4, 2, 1_000)}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("known", [(4, 2, 6), (4, 2, 7), (4, 1, 99), (3, 9, 99)])
def test_what_is_not_newer_is_refused(tmp_path: Path, known: tuple[int, int, int]) -> None:
    Newest.opened(tmp_path / "newest", ["node2"]).note(opened(4, 2, 7))
    newest = Newest.opened(tmp_path / "newest", ["node2"])
    with pytest.raises(Rejected) as rejected:
        newest.check(opened(*known))
    assert rejected.value.reason is Reason.REPLAYED


@pytest.mark.parametrize("known", [(4, 2, 8), (4, 3, 1), (5, 1, 1)])
def test_what_is_newer_is_taken(tmp_path: Path, known: tuple[int, int, int]) -> None:
    Newest.opened(tmp_path / "newest", ["node2"]).note(opened(4, 2, 7))
    Newest.opened(tmp_path / "newest", ["node2"]).check(opened(*known))


def test_order_within_one_start_is_the_openers_business(tmp_path: Path) -> None:
    newest = Newest.opened(tmp_path / "newest", ["node2"])
    newest.note(opened(1, 1, 9))
    newest.check(opened(1, 1, 8))  # it came late over a slower link
    newest.note(opened(1, 1, 8))
    assert Newest.opened(tmp_path / "newest", ["node2"]).before["node2"] == Number(1, 1, 9)


def test_servers_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "newest"
    first = Newest.opened(path, ["node3", "node2"])
    first.note(opened(1, 1, 1, "node2"))
    first.note(opened(3, 3, 3, "node3"))
    newest = Newest.opened(path, ["node4", "node3", "node1"])
    assert newest.before["node3"] == Number(3, 3, 3)
    assert newest.before["node1"] == newest.before["node4"] == Number()
    assert "node2" not in newest.before


def test_a_server_alone_has_nothing_to_remember(tmp_path: Path) -> None:
    for _ in range(2):
        assert Newest.opened(tmp_path / "newest", []).before == {}


def test_without_the_file_it_serves_one_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "newest").mkdir()
    newest = Newest.opened(tmp_path / "newest", ["node2"])
    assert "recorded heartbeats" in caplog.text
    newest.note(opened(1, 1, 1))
    assert newest.before == {"node2": Number()}
