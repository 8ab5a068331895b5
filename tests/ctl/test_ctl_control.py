"""What the client does when the agent is gone, hangs, or talks nonsense."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clpcore.ctl import control
from clpcore.ctl.ends import Exit
from clpcore.runtime.places import whereabouts

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]


@pytest.mark.usefixtures("root")
def test_it_looks_where_the_agent_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path(control._path()) == whereabouts(os.environ).root.control
    monkeypatch.delenv("CLP_ROOT")
    assert Path(control._path()) == whereabouts(os.environ).root.control


def test_a_socket_that_nobody_listens_on(root: Path, clp: Clp) -> None:
    path = root / "run/clpcore/control"
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    _, complaint, code = clp("status")
    assert code == Exit.NO_AGENT
    assert "the agent that made it is gone" in complaint


def test_a_user_who_may_not_is_refused_and_not_told_that_there_is_no_agent() -> None:
    failure = control._unreachable("/run/clpcore/control", PermissionError(13, "denied"))
    assert failure.code is Exit.REFUSED
    assert "group clpcore" in failure.remedy


def test_an_agent_that_hangs_leaves_the_state_unknown(
    answers: Document, clp: Clp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_WITHIN", 0.05)
    answers |= {"status": [{"hang": True}], "log": [{"hang": True}]}
    for line in ("status", "log"):
        _, complaint, code = clp(line)
        assert (code, "did not answer within 0.05 s" in complaint) == (Exit.UNKNOWN, True)


@pytest.mark.parametrize("nonsense", ["no json", "[1]", '"text"', "\ufffd"])
def test_nonsense_is_told_from_an_answer(answers: Document, clp: Clp, nonsense: str) -> None:
    answers["status"] = [{"raw": nonsense}]
    _, complaint, code = clp("status")
    assert code == Exit.REFUSED
    assert "not a JSON object" in complaint


def test_an_agent_that_leaves_has_not_answered(answers: Document, clp: Clp) -> None:
    answers["status"] = [{"leave": True}]
    _, complaint, code = clp("status")
    assert code == Exit.NO_AGENT
    assert "ended the connection before it answered" in complaint


def test_a_refusal_without_a_reason_says_so(answers: Document, clp: Clp) -> None:
    answers["status"] = [{"ok": False}]
    assert clp("status")[1:] == ("clp: the agent refused without a reason\n", Exit.REFUSED)


def test_words_of_others_cannot_drive_the_terminal(answers: Document, clp: Clp) -> None:
    answers["status"] = [{"ok": False, "error": "\x1b[2Jgone\r\n"}]
    assert clp("status")[1] == "clp:  [2Jgone  \n"


def test_an_answer_of_many_packets(answers: Document, status: Document, clp: Clp) -> None:
    status["groups"] = [{**status["groups"][0], "name": f"group{n}"} for n in range(2_000)]
    answers["status"] = [{"ok": True, "status": status}]
    out, _, code = clp("status")
    assert (code, "group1999 " in out) == (Exit.DONE, True)


class TestFarAway:
    @pytest.fixture
    def tmp_path(self, tmp_path: Path) -> Path:
        return tmp_path / ("x" * 60) / ("y" * 60)

    def test_a_root_too_long_for_a_socket_address(
        self, answers: Document, status: Document, clp: Clp
    ) -> None:
        answers["status"] = [{"ok": True, "status": status}]
        assert len(control._path()) > control._PATH_MAX
        assert clp("status")[2] == Exit.DONE
