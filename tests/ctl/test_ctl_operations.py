"""What is asked of the agent, and how waiting for it ends."""

from __future__ import annotations

import io
import json
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest

from clpcore.ctl import control, group, operate
from clpcore.ctl.document import Status
from clpcore.ctl.ends import Exit
from clpcore.model import requests
from clpcore.model.states import FinalAction
from clpcore.wire import values

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]

_ASKED = {
    "group start failover1": requests.GroupStart("failover1"),
    "group start failover1 --to node2": requests.GroupStart("failover1", "node2"),
    "group stop failover1": requests.GroupStop("failover1"),
    "group move failover1": requests.GroupMove("failover1"),
    "group move failover1 --to node2": requests.GroupMove("failover1", "node2"),
    "group failover failover1 --to node2": requests.GroupFailover("failover1", "node2"),
    "monitor suspend pidw1": requests.MonitorSuspend("pidw1"),
    "monitor resume pidw1 --server node2": requests.MonitorResume("pidw1", "node2"),
    "monitor dummy-failure on pidw1": requests.DummyFailure("pidw1", "node1", on=True),
    "monitor dummy-failure off pidw1 --server node2": requests.DummyFailure(
        "pidw1", "node2", on=False
    ),
    "cluster start": requests.ClusterStart(),
    "cluster stop": requests.ClusterStop(),
    "cluster verification on": requests.Verification(on=True),
    "cluster verification off": requests.Verification(on=False),
    "server start": requests.ServerStart("node1"),
    "server start node2 --alone": requests.ServerStart("node2", alone=True),
    "server stop": requests.ServerStop("node1"),
    "server stop node2 --then reboot": requests.ServerStop("node2", FinalAction.REBOOT),
    "cluster stop --then shutdown": requests.ClusterStop(FinalAction.SHUTDOWN),
    "cluster acknowledge": requests.Acknowledge(),
    "cluster suspend": requests.ClusterSuspend(),
    "cluster resume": requests.ClusterResume(),
    "server drain node2": requests.ServerDrain("node2", on=True),
    "server undrain": requests.ServerDrain("node1", on=False),
    "server expect-freeze node2 --for 60": requests.ServerExpectFreeze("node2", 60_000),
    "server expect-freeze": requests.ServerExpectFreeze("node1", 600_000),
    "group restart failover1": requests.GroupRestart("failover1"),
    "group stop --all": requests.GroupStop("failover1"),
    "resource start exec1": requests.ResourceStart("failover1", "exec1"),
    "resource stop exec1 --force": requests.ResourceStop("failover1", "exec1", force=True),
    "server confirm-down node2 --yes": requests.ServerConfirmDown("node2"),
    "resource restart lbpp1 --group failover1": requests.ResourceRestart("failover1", "lbpp1"),
}


@pytest.fixture(autouse=True)
def _well(answers: Document, status: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operate, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(group, "_LOOK_EVERY", 0.01)
    monkeypatch.setattr(group, "_TOLD_WITHIN", 0.3)
    answers |= {
        "status": [{"ok": True, "status": status}],
        "ask": [{"ok": True, "request": "node1-1", "because": []}],
    }


@pytest.mark.parametrize("line", _ASKED)
def test_a_command_asks_for_its_operation(
    line: str, clp: Clp, asked: list[Document], status: Document
) -> None:
    status["troubles"] = [{"key": "rc92", "args": {}, "since": 1}]
    if "--alone" in line:
        status["servers"][0] |= {"state": "Unknown", "heard_ms_ago": 90_000}
    assert clp(line)[2] == Exit.DONE
    op = next(request["op"] for request in asked if request["do"] == "ask")
    assert values.from_json(json.dumps(op), requests.Op) == _ASKED[line]


def test_every_operation_has_a_command() -> None:
    assert {type(op) for op in _ASKED.values()} == {*typing.get_args(requests.Op)}


@pytest.mark.parametrize("verb", ["move", "failover"])
def test_the_server_that_was_chosen_is_told_when_it_is_heard(
    verb: str, clp: Clp, answers: Document, status: Document
) -> None:
    shown = ["node1", "node1", None, "node2"]

    def told(_: Document) -> list[Document]:
        status["groups"][0]["server"] = shown.pop(0) if len(shown) > 1 else shown[0]
        return [{"ok": True, "status": status}]

    answers["status"] = told
    assert clp(f"group {verb} failover1")[0].startswith("Group failover1 has moved to node2 (")
    assert json.loads(clp(f"group {verb} failover1 --to node1 --json")[0])["server"] == "node1"


def test_a_server_that_is_not_heard_in_time_is_not_guessed(clp: Clp) -> None:
    assert clp("group move failover1")[0].startswith("Group failover1 has moved (")
    assert clp("group start failover1")[0].startswith("Group failover1 runs on node1 (")


def test_the_agent_knows_how_long_is_waited(clp: Clp, asked: list[Document]) -> None:
    clp("group stop failover1")
    clp("group stop failover1 --wait 2.5")
    clp("group stop failover1 --wait 0")
    assert [request["wait"] for request in asked if request["do"] == "ask"] == [1_800_000, 2_500, 0]


def test_not_ended_in_time_is_not_known(
    clp: Clp, answers: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(operate, "GRACE", 0.05)
    answers["ask"] = [{"hang": True}]
    _, complaint, code = clp("group stop failover1 --wait 0.05")
    assert (code, "not ended within 0.05 s; it goes on" in complaint) == (Exit.UNKNOWN, True)


@pytest.mark.parametrize("key", ["op12", "op13", "op14"])
def test_a_refusal_that_knows_no_end_is_not_a_failure(
    clp: Clp, answers: Document, key: str
) -> None:
    answers["ask"] = [{"ok": False, "because": [{"key": key, "args": {}}]}]
    assert clp("group stop failover1")[2] == Exit.UNKNOWN


def test_the_agent_may_say_not_yet(clp: Clp, answers: Document) -> None:
    answers["ask"] = [{"ok": False, "pending": True, "because": []}]
    assert clp("group stop failover1 --wait 1")[2] == Exit.UNKNOWN
    assert clp("group stop failover1 --wait 0")[2] == Exit.DONE


def test_what_is_done_but_not_as_meant_is_a_warning(clp: Clp, answers: Document) -> None:
    args = {"group": "failover1", "server": "node2", "reason": "the port is taken"}
    answers["ask"] = [{"ok": True, "because": [{"key": "op20", "args": args}]}]
    said, complaint, code = clp("group start failover1")
    assert (code, said.startswith("Group failover1 runs on node1 (")) == (Exit.DONE, True)
    assert complaint == "clp: op20 group=failover1 server=node2 reason=the port is taken [op20]\n"
    told = json.loads(clp("group start failover1 --json")[0])
    assert (told["ok"], told["because"]) == (True, answers["ask"][0]["because"])


def _with_node1(status: Document, state: str) -> Document:
    node1, node2 = status["servers"]
    return {"ok": True, "status": {**status, "servers": [{**node1, "state": state}, node2]}}


@pytest.mark.parametrize("line", ["server start", "cluster start"])
def test_a_start_waits_until_the_server_is_online(
    clp: Clp, answers: Document, status: Document, asked: list[Document], line: str
) -> None:
    """Its agent starts anew meanwhile: it may be away, or have no answer yet."""
    later = iter(
        [
            _with_node1(status, "Offline"),
            _with_node1(status, "Offline"),
            {"leave": True},
            {"ok": False, "error": "the agent is starting"},
            _with_node1(status, "Online Pending"),
            _with_node1(status, "Online"),
        ]
    )
    answers["status"] = lambda _: [next(later)]
    assert clp(line)[2] == Exit.DONE
    assert next(later, None) is None
    assert [request["do"] for request in asked].count("ask") == 1


def test_a_start_whose_agent_vanishes_unanswered_is_judged_by_what_follows(
    clp: Clp, answers: Document
) -> None:
    answers["ask"] = [{"leave": True}]
    assert clp("server start")[2] == Exit.DONE
    assert clp("server stop")[2] == Exit.UNKNOWN


def test_a_start_that_takes_too_long_is_not_known(
    clp: Clp, answers: Document, status: Document
) -> None:
    answers["status"] = [_with_node1(status, "Online Pending")]
    _, complaint, code = clp("server start --wait 0.05")
    assert (code, "node1 is not Online within 0.05 s" in complaint) == (Exit.UNKNOWN, True)


def test_an_agent_that_stays_away_is_told(
    clp: Clp, answers: Document, status: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operate, "_AGENT_BACK", 0.05)
    later = iter([_with_node1(status, "Offline")])
    answers["status"] = lambda _: [next(later, {"leave": True})]
    _, complaint, code = clp("server start")
    assert (code, "whether node1 is Online is unknown" in complaint) == (Exit.UNKNOWN, True)


def test_a_wrong_name_asks_for_nothing(clp: Clp, asked: list[Document]) -> None:
    assert clp("group stop failover2")[2] == Exit.REFUSED
    assert [request["do"] for request in asked] == ["status"]


def test_progress_tells_each_resource(status: Status) -> None:
    group = status["groups"][0]
    group["state"] = group["resources"][1]["state"] = "Offline Pending"
    told = "failover1 Offline Pending on node1: exec1 Online, lbpp1 Offline Pending"
    status["groups"].append({**group, "name": "failover2", "state": "Online"})
    assert operate.progress(status, "failover1") == told
    assert operate.progress(status, "") == told
    status["servers"][0]["state"] = "Offline Pending"
    assert operate.progress(status, "") == f"node1 Offline Pending; {told}"


# -- what changes nothing


def test_alone_changes_nothing_where_nobody_is_silent(
    clp: Clp, status: Document, asked: list[Document]
) -> None:
    status["servers"][1] |= {"state": "Offline", "evidence": "clean leave"}
    out, _, code = clp("server start --alone")
    assert code == Exit.DONE
    assert out.startswith("Nothing changes: node1 is Online")
    assert "node2 has left cleanly: clp server start node2" in out
    assert [request["do"] for request in asked] == ["status"]


@pytest.mark.parametrize(
    ("evidence", "is_asked"), [(None, True), ("no proof", True), ("operator's word", False)]
)
def test_alone_is_asked_for_while_a_silent_server_is_not_known_to_be_stopped(
    clp: Clp, status: Document, asked: list[Document], evidence: str | None, *, is_asked: bool
) -> None:
    status["servers"][1] |= {"state": "Unknown", "evidence": evidence}
    assert clp("server start --alone")[2] == Exit.DONE
    assert ("ask" in [request["do"] for request in asked]) is is_asked


def test_alone_is_asked_for_while_the_server_itself_is_starting(
    clp: Clp, answers: Document, status: Document, asked: list[Document]
) -> None:
    states = iter(["Online Pending", "Online"])
    answers["status"] = lambda _: [_with_node1(status, next(states))]
    assert clp("server start --alone")[2] == Exit.DONE
    assert "ask" in [request["do"] for request in asked]


def test_without_a_trouble_that_waits_nothing_is_acknowledged(
    clp: Clp, status: Document, asked: list[Document]
) -> None:
    assert "no trouble waits" in clp("cluster acknowledge")[0]
    status["troubles"] = [{"key": "pm500", "args": {"path": "/x", "reason": "full"}}]
    assert "end by themselves" in clp("cluster acknowledge")[0]
    assert json.loads(clp("cluster acknowledge --json")[0])["changed"] is False
    assert {request["do"] for request in asked} == {"status"}


# -- the word that a server has stopped


def _typed(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(line))


def test_the_word_that_a_server_is_down_is_taken_after_its_name_was_typed(
    clp: Clp, asked: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    _typed(monkeypatch, "node2\n")
    _, said, code = clp("server confirm-down node2")
    assert (code, "THEY RUN TWICE" in said) == (Exit.DONE, True)
    assert asked[-1]["op"] == {"is": "ServerConfirmDown", "server": "node2"}


@pytest.mark.parametrize("line", ["y\n", "\n", "node1\n"])
def test_no_other_answer_is_that_word(
    clp: Clp, asked: list[Document], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    _typed(monkeypatch, line)
    assert clp("server confirm-down node2")[2] == Exit.REFUSED
    assert [request["do"] for request in asked] == ["status"]


def test_without_a_terminal_that_word_needs_a_flag(clp: Clp, asked: list[Document]) -> None:
    assert clp("server confirm-down node2")[2] == Exit.USAGE
    assert [request["do"] for request in asked] == ["status"]
