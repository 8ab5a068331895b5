"""What `clp log` asks the agent for, and which moments it takes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import pytest

from clpcore.ctl import since

Clp = Callable[[str], tuple[str, str, int]]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", {}),
        ("--severity warning", {"severities": ["warning", "error"]}),
        ("--severity error --id rc60,rc11", {"severities": ["error"], "ids": ["rc60", "rc11"]}),
        (
            "--module rc,nm --about failover1 --server node2",
            {"modules": ["rc", "nm"], "about": "failover1", "server": "node2"},
        ),
        ("--since 2026-11-22", {"since": 1_795_305_600_000}),
    ],
)
def test_filters_reach_the_agent(
    line: str,
    wanted: dict[str, Any],
    clp: Clp,
    answers: dict[str, Any],
    asked: list[dict[str, Any]],
) -> None:
    time.tzset()
    answers["log"] = [{"ok": True, "end": True}]
    assert clp(f"log {line}") == ("", "", 0)
    assert asked == [{"do": "log", "lines": 30, "follow": False, **wanted}]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10min", 600), ("2h", 7_200), ("1 d", 86_400)]
)
def test_a_duration_is_that_long_ago(text: str, seconds: int) -> None:
    assert abs(time.time() - seconds - since.moment(text) / 1_000) < 2


def test_a_clock_time_is_todays() -> None:
    today = time.strftime("%Y-%m-%d")
    assert since.moment("7:05") == since.moment(f"{today} 07:05:00")
    assert since.moment("2026-11-22T21:00:00Z") == 1_795_381_200_000


@pytest.mark.parametrize("text", ["", "soon", "5", "5 weeks", "25:00", "2026-13-01", "1e9s"])
def test_no_moment_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no moment"):
        since.moment(text)


def test_a_bad_severity_names_the_good_ones(clp: Clp) -> None:
    out, err, code = clp("log --severity bad")
    assert (out, code) == ("", 2)
    assert "warning" in err
