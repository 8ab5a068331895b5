"""What `clp why` takes from the status document, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Document = dict[str, Any]
Clp = Callable[[str], tuple[str, str, int]]

_WAITS = {"key": "rc66", "args": {"group": "failover1", "reason": "node1 is starting"}}


@pytest.fixture(autouse=True)
def _answered(answers: Document, status: Document) -> None:
    answers |= {
        "status": [{"ok": True, "status": status}],
        "why": [{"ok": True, "because": []}],
    }


@pytest.mark.parametrize(("state", "told"), [("Offline", True), ("Online", False)])
def test_what_others_wait_for_is_told_until_the_group_is_online(
    clp: Clp, status: Document, state: str, *, told: bool
) -> None:
    status["groups"][0]["state"] = state
    status["groups"][0]["servers"]["node2"]["note"] = _WAITS
    assert ("failover1 waits: node1 is starting [rc66]" in clp("why failover1")[0]) is told


@pytest.mark.parametrize(
    ("me", "other"), [("node1", None), ("node2", "node1")], ids=["here", "elsewhere"]
)
def test_it_says_on_which_server_the_rest_of_the_story_is(
    clp: Clp, status: Document, me: str, other: str | None
) -> None:
    status["server"] = me
    out = clp("why failover1")[0]
    assert (f"on {other} run: clp why failover1" in out) is (other is not None)


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"state": "Offline", "evidence": "clean leave"}, "clp server start node2"),
        ({"state": "Unknown", "heard_ms_ago": None}, "start node2; if it runs"),
    ],
)
def test_a_server_that_is_not_online_has_a_next_step(
    clp: Clp, status: Document, change: Document, step: str
) -> None:
    status["servers"][1] |= change
    assert f"Next step: {step}" in clp("why node2")[0]


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ("operator's word", "counts as stopped: operator's word"),
        ("no proof", "counts as stopped, without proof"),
    ],
)
def test_why_a_silent_server_counts_as_stopped(
    clp: Clp, status: Document, evidence: str, said: str
) -> None:
    status["servers"][1] |= {"state": "Unknown", "heard_ms_ago": 90_000, "evidence": evidence}
    assert said in clp("why node2")[0]
    assert said in clp("status")[0]


@pytest.mark.parametrize(
    ("on", "step"),
    [
        (("node1", "node2"), "clp monitor resume lbppw1\n"),
        (("node2",), "clp monitor resume lbppw1 --server node2\n"),
    ],
)
def test_a_suspended_monitor_is_resumed_where_it_is_suspended(
    clp: Clp, status: Document, on: tuple[str, ...], step: str
) -> None:
    monitor = status["monitors"][1]
    monitor["state"] = "Suspend"
    for server in on:
        monitor["servers"][server]["state"] = "Suspend"
    assert f"Next step: {step}" in clp("why lbppw1")[0]
    assert f"End it: {step}" in clp("status")[0]


def test_a_dummy_failure_is_shown_even_before_the_monitor_has_looked(
    clp: Clp, status: Document
) -> None:
    status["monitors"][1]["servers"]["node1"]["dummy"] = True
    out = clp("status")[0]
    assert "on node1      : Online           dummy failure on" in out
    assert "End it: clp monitor dummy-failure off lbppw1 --server node1" in out
