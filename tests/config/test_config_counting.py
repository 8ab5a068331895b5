"""Monitors that count others name those that are there, and look where they are counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clpcore.model.config import ClusterConfig

Complaints = Callable[[str], list[str]]
Good = Callable[[str], ClusterConfig]

_LOOKS = "[monitor.look1]\ntype = 'look'\n[monitor.look2]\ntype = 'look'\nservers = ['node2']\n"


def _counter(names: str, more: str = "") -> str:
    return f"{_LOOKS}[monitor.m1]\ntype = 'mtw'\nmonitors = {names}\n{more}"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("['look1', 'lok']", "monitor.m1.monitors: There is no monitor lok. Did you mean look2?"),
        ("['m1']", "monitor.m1.monitors: It cannot count itself."),
        ("['m2']", "monitor.m1.monitors: m2 counts others itself."),
        (
            "['look1', 'look2']",
            'look2 does not look on node1, where m1 counts it. Give m1 servers = ["node2"], or',
        ),
        ("'look1'", "is not a list."),
    ],
)
def test_a_wrong_name_is_refused(complaints: Complaints, names: str, said: str) -> None:
    other = "[monitor.m2]\ntype = 'mtw'\nmonitors = ['look1']\n"
    (complaint,) = complaints(_counter(names, other))
    assert said in complaint


def test_those_that_look_there_are_counted(good: Good) -> None:
    found = good(_counter("['look1', 'look2']", "servers = ['node2']"))
    assert found.counted_by == {"look1": ("m1",), "look2": ("m1",)}
    monitor = found.monitor_by_name["m1"]
    assert (monitor.target, monitor.critical) == ("", True)
