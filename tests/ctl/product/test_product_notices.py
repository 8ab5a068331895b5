"""Notices for mrw, scripts for requests, messages of scripts: what these commands leave behind."""

from __future__ import annotations

import re
import syslog
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def notices(root: Path, status: Document) -> Path:
    """Where mrw1, which watches exec1, looks for its notices."""
    there = {"node1": {"state": "Online", "detail": "", "dummy": False}}
    mrw1 = {"name": "mrw1", "type": "mrw", "target": "exec1", "state": "Normal", "servers": there}
    status["monitors"] += [mrw1, {**mrw1, "name": "mrw2", "target": ""}]
    return root / "run/clpcore/resources/failover1/exec1/notices/mrw1"


def _there(file: Path) -> list[list[str]]:
    return [line.split("\t")[:2] for line in file.read_text().splitlines()]


def test_notices_are_given_and_cleared(notices: Path, product: Run) -> None:
    for key in ("NIC.eth0", "NIC.eth1", "NIC.eth0", "DISK", "NIC"):
        assert product(f"clprexec --notice mrw1 -k {key}") == ("Command succeeded.\n", "", 0)
    assert _there(notices) == [["NIC", "eth0"], ["NIC", "eth1"], ["DISK", ""], ["NIC", ""]]
    assert re.fullmatch(
        r"NIC\teth0\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", notices.read_text().split("\n")[0]
    )
    assert product("clprexec --clear mrw1 -k NIC.eth0")[2] == 0
    assert _there(notices) == [["NIC", "eth1"], ["DISK", ""], ["NIC", ""]]
    assert product("clprexec --clear mrw1 -k NIC")[2] == 0
    assert _there(notices) == [["DISK", ""]]
    for _ in range(2):
        assert product("clprexec --clear mrw1")[2] == 0
        assert not notices.exists()


@pytest.mark.usefixtures("notices")
def test_a_monitor_without_target_has_its_own_folder(root: Path, product: Run) -> None:
    assert product("clprexec --notice mrw2 -k NIC")[2] == 0
    assert (root / "run/clpcore/resources/monitor/mrw2/notices/mrw2").exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("clprexec --notice pidw1 -k NIC", "pidw1 is of type pidw"),
        ("clprexec --notice mrw3 -k NIC", "did you mean 'mrw"),
        ("clprexec --notice mrw1", "--notice needs -k"),
        ("clprexec --notice mrw1 -k ../x", "'../x' is no category"),
        ("clprexec --notice mrw1 -k NIC -h node2", "on node2 run: clprexec"),
        ("clprexec --script ../../x", "is no name of a script"),
        ("clprexec --script absent.sh", "no such file or directory"),
        ("clptrnreq -t EXEC_SCRIPT", "EXEC_SCRIPT needs -s"),
        ("clptrnreq -t EXEC_SCRIPT -s x -h node2", "on node2 run: clptrnreq"),
        ("clptrnreq -t GRP_FAILOVER -h node2", "no group runs on node2"),
        ("clptrnreq -t GRP_FAILOVER -r exec1 -h node2", "no group runs on node2"),
        ("clprexec --failover failover1 -h node2", "does not run on node2"),
        ("clprsc -t exec1 -h node2", "does not run on node2"),
    ],
)
def test_what_cannot_be_is_refused(line: str, why: str, notices: Path, product: Run) -> None:
    out, err, code = product(line)
    assert why in err
    assert out == ""
    assert code in {1, 2}
    assert not notices.exists()


def _script(root: Path, text: str, mode: int = 0o755) -> Path:
    path = root / "etc/clpcore/requests/it.sh"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("line", ["clptrnreq -t EXEC_SCRIPT -s it.sh", "clprexec --script it.sh"])
def test_a_script_runs(line: str, root: Path, product: Run) -> None:
    _script(root, f"echo yes > {root}/ran")
    assert product(line) == ("Command succeeded.\n", "", 0)
    assert (root / "ran").read_text() == "yes\n"


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("exit 3", 0o755, "ended with code 3"),
        ("exec sleep 60", 0o755, "had not ended after 1 s"),
        ("exit 0", 0o775, "can be changed by other users"),
        ("exit 0", 0o644, "Permission denied"),
    ],
)
def test_a_script_that_fails_or_is_not_safe_is_told(
    text: str, mode: int, why: str, root: Path, product: Run
) -> None:
    _script(root, text, mode)
    out, err, code = product("clprexec --script it.sh -w 1")
    assert why in err
    assert (out, code) == ("", 1)


def test_groups_fail_over(asked: list[Document], product: Run) -> None:
    for line in ("clptrnreq -t GRP_FAILOVER -r exec1", "clprexec --failover failover1"):
        assert product(line) == ("Command succeeded.\n", "", 0)
    ops = [request["op"] for request in asked if request["do"] == "ask"]
    assert ops == [{"is": "GroupFailover", "group": "failover1", "server": ""}] * 2


def test_a_message_goes_into_the_journal(
    asked: list[Document], answers: Document, product: Run
) -> None:
    answers["tell"] = [{"ok": True}]
    line = 'clplogcmd -m "backup failed" -l ERR -i 17 --alert'
    assert product(line) == ("Command succeeded.\n", "", 0)
    assert asked == [{"do": "tell", "text": "backup failed", "severity": "error", "number": 17}]


def test_a_message_goes_into_the_system_log(product: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "syslog", lambda priority, text: said.append((priority, text)))
    assert product("clplogcmd -m hello --syslog")[2] == 0
    assert said == [(syslog.LOG_INFO, "[I] <type: logcmd><event: 1> hello")]
