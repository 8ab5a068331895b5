"""NP resolution by majority: half of all servers can be enough, on one side."""

from __future__ import annotations

import attrs
import pytest

from clpcore.model.protection import MAJORITY, NpResolution
from clpcore.simulate.example import example
from clpcore.simulate.scenario import Scenario


def _play(*lines: str, half: bool, servers: int = 4) -> str:
    """Play *lines* in a cluster of which half may be enough; give what was said."""
    scenario = Scenario()
    np = NpResolution(name="np1", type=MAJORITY, settings={"best_priority_wins_half": half})
    scenario.config = attrs.evolve(example(servers), nps=(np,))
    names = [f"node{number}" for number in range(1, servers + 1)]
    for line in (f"begin {' '.join(names)}", *lines):
        scenario.do(line)
    return "\n".join(scenario.lines)


_HALVES = (
    *("cut node1 node3", "cut node1 node4", "cut node2 node3", "cut node2 node4"),
    "run 30 s",
)


def test_of_two_halves_the_one_of_the_best_server_goes_on() -> None:
    said = _play(*_HALVES, half=True)
    assert [name for name in ("node1", "node2") if f"{name} is cut off" in said] == []
    assert [name for name in ("node3", "node4") if f"{name} is cut off" in said] == [
        "node3",
        "node4",
    ]


def test_without_it_neither_half_goes_on() -> None:
    said = _play(*_HALVES, half=False)
    assert all(f"node{number} is cut off" in said for number in range(1, 5))


@pytest.mark.parametrize(("dies", "left"), [("node2", "node1"), ("node1", "node2")])
def test_of_two_servers_only_the_best_one_goes_on_alone(dies: str, left: str) -> None:
    said = _play("run 1 s", f"kill {dies}", "run 40 s", half=True, servers=2)
    assert (f"{left} is cut off" in said) is (left == "node2")


@pytest.mark.parametrize("asked", [0, 500, 1_000, 1_500])
def test_who_takes_over_waits_for_a_question_that_was_in_flight_and_for_the_next(
    asked: int,
) -> None:
    """The first one was asked before the silence, and so proves nothing."""
    scenario = Scenario()
    np = NpResolution(name="np1", type="pingnp", interval=2_000, timeout=6_000, tries=1)
    short = attrs.evolve(example(2), heartbeat_timeout=3_000, stop_budget=1_000)
    scenario.config = attrs.evolve(short, nps=(np,))
    cut = (f"run {asked} ms", "cut node1 np1", "cut node1 node2", "run 40 s")
    for line in ("takes ask 5900 ms", "begin node1 node2", "run 5 s", *cut):
        scenario.do(line)
    ends = [line.split()[1:3] for line in scenario.lines if " rc21 " in line or " rc10 " in line]
    assert ends == [["node1", "rc21"], ["node2", "rc10"]]
