"""A document is held against the shape that it is read by."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from clpcore import decide
from clpcore.ctl.document import Status
from clpcore.ctl.shape import misfit
from clpcore.simulate.scenario import Scenario

Document = dict[str, Any]

_SAID = {"key": "rc530", "args": {"group": "g", "why": {"key": "op5", "args": {"server": "n"}}}}


def _at(document: Any, path: str) -> tuple[Any, Any]:  # noqa: ANN401 - JSON
    *way, last = [int(part) if part.isdigit() else part for part in path[1:].split("/")]
    for part in way:
        document = document[part]
    return document, last


def test_what_fits_may_say_more(status: Document) -> None:
    assert misfit(status, Status) is None
    status["groups"][0]["because"] = _SAID
    status["troubles"] = [_SAID, {**_SAID, "since": 7}]
    status["new"] = status["groups"][0]["new"] = object()
    assert misfit(status, Status) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("/groups", {}), ("/groups", None), ("/groups/0", []), ("/view", "x"), ("/schema", True)),
        *(("/groups/0/state", None), ("/groups/0/servers", []), ("/now_ms", 1.5), ("/leader", 7)),
        *(("/groups/0/servers/node1/can_take", 1), ("/monitors/1/servers/node2/detail", None)),
        *(("/cut_off", {"key": 7, "args": {}}), ("/servers/0/heartbeats/0/state", 0)),
    ],
)
def test_the_first_part_that_does_not_is_named(status: Document, path: str, value: object) -> None:
    inside, last = _at(status, path)
    inside[last] = value
    found = misfit(status, Status)
    assert found is not None
    assert found.startswith(path)


@pytest.mark.parametrize("path", ["/groups", "/groups/0/resources", "/view/members", "/phase"])
def test_a_part_that_is_missing_is_named(status: Document, path: str) -> None:
    inside, last = _at(status, path)
    del inside[last]
    assert misfit(status, Status) == path


@pytest.mark.parametrize("document", [None, [], "status", {}])
def test_what_is_no_status_at_all(document: object) -> None:
    assert misfit(document, Status) is not None


def test_no_depth_breaks_it(status: Document) -> None:
    deep = copy.deepcopy(_SAID)
    for _ in range(3_000):
        deep = {"key": "op5", "args": {"server": deep}}
    status["cut_off"] = deep
    assert misfit(status, Status) == "/..."


def test_what_agents_say_fits() -> None:
    play = Scenario()
    for line in ("np np1", "fencing power1", "arbiter witness1", "begin node1 node2"):
        play.do(line)
    for line in ("run 1 s", "cut node1 node2", "run 6 s", "run 3 s"):
        play.do(line)
        for machine in play.cluster.machines.values():
            if machine.agent is not None:
                assert misfit(decide.snapshot(play.config, machine.agent.state), Status) is None
