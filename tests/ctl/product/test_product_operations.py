"""What each of the product's commands asks of the agent: the operations of `clp`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from clpcore.model import requests as ops
from clpcore.model.states import FinalAction
from clpcore.wire import values

Document = dict[str, Any]
Run = Callable[[str], tuple[str, str, int]]

_ASKED = {
    "clpgrp -s failover1": [ops.GroupStart("failover1")],
    "clpgrp -s failover1 -h node1": [ops.GroupStart("failover1", "node1")],
    "clpgrp -s failover1 -h node2 -f": [ops.GroupMove("failover1", "node2")],
    "clpgrp -t failover1": [ops.GroupStop("failover1")],
    "clpgrp -t": [ops.GroupStop("failover1")],
    "clpgrp -t -h node2": [],
    "clpgrp -m failover1": [ops.GroupMove("failover1")],
    "clpgrp -m failover1 -a node2": [ops.GroupMove("failover1", "node2")],
    "clprsc -s exec1": [ops.ResourceStart("failover1", "exec1")],
    "clprsc -t exec1 -f -h node1": [ops.ResourceStop("failover1", "exec1", force=True)],
    "clpmonctrl -s -m pidw1": [ops.MonitorSuspend("pidw1", "node1")],
    "clpmonctrl -r -h node2": [
        ops.MonitorResume("pidw1", "node2"),
        ops.MonitorResume("lbppw1", "node2"),
    ],
    "clpmonctrl -e -m pidw1": [ops.DummyFailure("pidw1", "node1", on=True)],
    "clpmonctrl -n -m pidw1 -h node2": [ops.DummyFailure("pidw1", "node2", on=False)],
    "clpcl -t": [ops.ServerStop("node1")],
    "clpcl -t -h node2": [ops.ServerStop("node2")],
    "clpcl -t -a": [ops.ClusterStop()],
    "clpcl -s -a": [],
    "clpcl -s --force": [ops.ServerStart("node1", alone=True)],
    "clpcl -r": [ops.ServerStop("node1"), ops.ServerStart("node1")],
    "clpcl -r -a": [ops.ClusterStop(), ops.ClusterStart()],
    "clpcl --suspend -a": [ops.ClusterSuspend()],
    "clpcl --resume": [ops.ClusterResume()],
    "clpdown": [ops.ServerStop("node1", FinalAction.SHUTDOWN)],
    "clpdown -r -h node2": [ops.ServerStop("node2", FinalAction.REBOOT)],
    "clpstdn": [ops.ClusterStop(FinalAction.SHUTDOWN)],
    "clpstdn -r": [ops.ClusterStop(FinalAction.REBOOT)],
    "clptrnreq -t GRP_FAILOVER": [ops.GroupFailover("failover1")],
    "clprexec --failover failover1": [ops.GroupFailover("failover1")],
}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        *(({"schema": 2}, "/schema"), ({"groups": None}, "/groups"), ({"servers": [{}]}, "/serv")),
        ({"cut_off": {"key": "rc530"}}, "/cut_off/args"),
    ],
)
def test_another_servers_answer_that_cannot_be_read_is_told_in_a_sentence(
    changes: Document, where: str, status: Document, answers: Document, product: Run
) -> None:
    answers["status"] = [{"ok": True, "status": {**status, **changes}, "version": "9.1"}]
    out, complaint, code = product("clpstat -h node2")
    assert (out, code) == ("", 1)
    assert f"node2 answered a status that this version does not read: {where}" in complaint
    assert "(its version: 9.1)" in complaint


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("line", _ASKED)
def test_a_command_asks_for_its_operations(line: str, asked: list[Document], product: Run) -> None:
    assert product(line)[2] == 0
    told = [json.dumps(request["op"]) for request in asked if request["do"] == "ask"]
    assert [values.from_json(op, ops.Op) for op in told] == _ASKED[line]


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("line", "wait"), [("clpcl -t -w 7", 7_000), ("clpcl -t", 1_800_000)])
def test_it_waits_as_long_as_is_said(
    line: str, wait: int, asked: list[Document], product: Run
) -> None:
    assert product(line)[2] == 0
    assert [request["wait"] for request in asked if request["do"] == "ask"] == [wait]


@pytest.mark.parametrize(("line", "code"), [("clpcl -s", 0), ("clpcl -s -w 1", 4)])
def test_a_start_that_has_begun_is_enough_unless_one_waits(
    line: str, code: int, status: Document, answers: Document, product: Run
) -> None:
    status["servers"][0]["state"] = "Offline"
    answers |= {
        "status": [{"ok": True, "status": status}],
        "ask": [{"ok": True, "request": "node1-9", "because": []}],
    }
    assert product(line)[2] == code


@pytest.mark.parametrize(("line", "code"), [("clpcl -s -a -w 1", 4), ("clpcl -s -a", 0)])
def test_a_start_of_all_waits_for_all_of_them(
    line: str, code: int, status: Document, answers: Document, product: Run
) -> None:
    for server in status["servers"]:
        server["state"] = "Offline"

    def start(_request: Document) -> list[Document]:
        status["servers"][0]["state"] = "Online"
        return [{"ok": True, "request": "node1-9", "because": []}]

    answers |= {"status": lambda _: [{"ok": True, "status": status}], "ask": start}
    out, _, told = product(line)
    assert told == code
    assert ("Start node2 : Command failed." in out) == bool(code)
    assert "Start node1 : Command succeeded." in out


@pytest.mark.usefixtures("cluster")
def test_a_word_about_silent_servers_is_given_to_each(
    status: Document, asked: list[Document], product: Run
) -> None:
    status["servers"][0]["state"] = "Offline"
    status["servers"][1]["state"] = "Unknown"
    out, _, code = product("clpcl -s -a --force")
    assert "Start node2 : Command failed." in out
    assert code == 1
    ops_ = [request["op"] for request in asked if request["do"] == "ask"]
    assert ops_ == [{"is": "ServerStart", "server": "node1", "alone": True}]


@pytest.mark.usefixtures("cluster")
def test_a_failure_does_not_keep_the_rest_from_it(
    status: Document, product: Run, asked: list[Document]
) -> None:
    status["servers"][1]["state"] = "Unknown"
    out, _, code = product("clpmonctrl -s -h node2")
    assert (out, code) == ("", 1)
    assert len([request for request in asked if request["do"] == "ask"]) == 2
