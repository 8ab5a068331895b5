"""Notices for mrw, scripts for requests, messages of scripts: what these commands leave behind."""

from __future__ import annotations

import os
import syslog
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def _mrw(status: Document, answers: Document) -> None:
    there = {"node1": {"state": "Online", "detail": "", "dummy": False}}
    mrw1 = {"name": "mrw1", "type": "mrw", "target": "exec1", "state": "Normal", "servers": there}
    status["monitors"].append(mrw1)
    answers["notice"] = [{"ok": True}]


@pytest.mark.usefixtures("_mrw")
@pytest.mark.parametrize(
    ("words", "asked_for"),
    [
        ("--notice mrw1 -k NIC.eth0", ("node1", "NIC", "eth0", False)),
        ("--notice mrw1 -k NIC -h node2", ("node2", "NIC", "", False)),
        ("--clear mrw1 -k NIC.eth0 -h node1", ("node1", "NIC", "eth0", True)),
        ("--clear mrw1", ("node1", "", "", True)),
    ],
)
def test_notices_are_given_and_cleared_by_the_agent(
    words: str, asked_for: tuple[object, ...], asked: list[Document], product: Run
) -> None:
    assert product(f"clprexec {words}") == ("Command succeeded.\n", "", 0)
    server, category, keyword, clear = asked_for
    assert asked[-1] == {
        "do": "notice",
        "server": server,
        "monitor": "mrw1",
        "category": category,
        "keyword": keyword,
        "clear": clear,
    }


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("clprexec --notice pidw1 -k NIC", "pidw1 is of type pidw"),
        ("clprexec --notice mrw3 -k NIC", "did you mean 'mrw"),
        ("clprexec --notice mrw1", "--notice needs -k"),
        ("clprexec --notice mrw1 -k ../x", "'../x' is no category"),
        ("clprexec --notice mrw1 -k NIC -h node9", "did you mean 'node"),
        ("clprexec --script it.sh -h node2", "on node2 run: clprexec"),
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
@pytest.mark.usefixtures("_mrw")
def test_what_cannot_be_is_refused(
    line: str, why: str, asked: list[Document], product: Run
) -> None:
    out, err, code = product(line)
    assert why in err
    assert out == ""
    assert code in {1, 2}
    assert {request["do"] for request in asked} <= {"status"}


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


@pytest.mark.parametrize("link", ["requests", "requests/it.sh", "clpcore"])
def test_a_link_runs_what_nobody_else_can_have_put_there(
    link: str, root: Path, product: Run
) -> None:
    where = root / "etc/clpcore" / link if link != "clpcore" else root / "etc/clpcore"
    _script(root, f"echo yes > {root}/ran")
    (root / "elsewhere").mkdir()
    where.rename(root / "elsewhere/it")
    (root / "back").symlink_to("elsewhere")
    where.symlink_to(root / "back/../back/./it")
    assert product("clprexec --script it.sh") == ("Command succeeded.\n", "", 0)
    (root / "ran").unlink()
    (root / "elsewhere").chmod(0o775)
    out, err, code = product("clprexec --script it.sh")
    assert f"{root}/elsewhere can be changed by other users" in err
    assert (out, code, (root / "ran").exists()) == ("", 1, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_script_in_a_folder_of_another_user_is_not_run(root: Path, product: Run) -> None:
    _script(root, f"echo yes > {root}/ran")
    theirs = root / "theirs"
    theirs.mkdir()
    script = root / "etc/clpcore/requests/it.sh"
    script.rename(theirs / "it.sh")
    script.symlink_to(theirs / "it.sh")
    os.chown(theirs, 65_534, -1)
    _, err, code = product("clprexec --script it.sh")
    assert f"{theirs} can be changed by other users" in err
    assert (code, (root / "ran").exists()) == (1, False)


def test_a_link_to_itself_is_no_script(root: Path, product: Run) -> None:
    path = _script(root, "")
    path.unlink()
    path.symlink_to(path)
    _, err, code = product("clprexec --script it.sh")
    assert "too many levels" in err
    assert code == 1


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
