"""One operation for every group: all are asked at once, and each tells how it ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from clpcore.ctl import control, operate
from clpcore.ctl.ends import Exit

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]


@pytest.fixture(autouse=True)
def _groups(answers: Document, status: Document) -> None:
    """Three groups; failover2 cannot be moved, and failover3 is Offline."""
    first = status["groups"][0]
    second = {**first, "name": "failover2", "resources": []}
    third = {**first, "name": "failover3", "resources": [], "state": "Offline", "server": None}
    status["groups"] = [first, second, third]
    answers |= {"status": [{"ok": True, "status": status}], "ask": _answer}


def _answer(request: Document) -> list[Document]:
    because = {"key": "rc541", "args": {"server": "node2", "group": "failover2"}}
    if request["op"]["group"] == "failover2":
        return [{"ok": False, "request": "node1-9", "because": [because]}]
    return [{"ok": True, "request": "node1-9", "because": []}]


def _groups_asked(asked: list[Document]) -> set[tuple[str, str]]:
    ops = [request["op"] for request in asked if request["do"] == "ask"]
    return {(op["is"], op["group"]) for op in ops}


def test_one_that_fails_does_not_keep_the_others_from_it(clp: Clp, asked: list[Document]) -> None:
    out, err, code = clp("group move --all")
    assert out.startswith("Group failover1 has moved (")
    assert "failover2" in err
    assert code == Exit.REFUSED
    assert _groups_asked(asked) == {("GroupMove", "failover1"), ("GroupMove", "failover2")}


def test_only_what_does_not_run_is_started(clp: Clp, asked: list[Document]) -> None:
    assert clp("group start --all --to node2")[2] == Exit.DONE
    assert _groups_asked(asked) == {("GroupStart", "failover3")}


def test_what_is_there_already_is_not_moved(clp: Clp, asked: list[Document]) -> None:
    out, _, code = clp("group move --all --to node1")
    assert (out.split(":")[0], code) == ("Nothing changes", Exit.DONE)
    assert not _groups_asked(asked)


def test_each_group_is_a_document(clp: Clp) -> None:
    told = [json.loads(line) for line in clp("group stop --all --json")[0].splitlines()]
    ends = {one["group"]: (one["ok"], one["exit"]) for one in told}
    assert ends == {"failover1": (True, 0), "failover2": (False, 1)}


def test_not_ended_in_time_is_not_known(
    clp: Clp, answers: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(operate, "GRACE", 0.05)
    answers["ask"] = [{"hang": True}]
    _, err, code = clp("group stop --all --wait 0.1")
    assert err.count("not ended within 0.1 s") == 2
    assert code == Exit.UNKNOWN


def test_an_agent_that_vanishes_leaves_it_unknown(clp: Clp, answers: Document) -> None:
    answers["ask"] = [{"leave": True}]
    assert clp("group stop --all")[2] == Exit.UNKNOWN


def test_a_group_or_all_and_not_both(clp: Clp) -> None:
    assert clp("group stop")[2] == clp("group stop failover1 --all")[2] == Exit.USAGE
