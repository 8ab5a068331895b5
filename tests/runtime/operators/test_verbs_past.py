"""What ``why`` and ``state`` give, without an agent around them."""

from __future__ import annotations

import json
from typing import Any

from clpcore.model.kept import Kept
from clpcore.model.picture import Picture
from clpcore.runtime.operators.verbs import _newest, _picture_line
from clpcore.simulate.example import example
from clpcore.wire import values


def _rows(boot: int, *severities: str) -> list[dict[str, Any]]:
    return [
        {"boot": boot, "severity": severity, "key": f"{boot}.{number}"}
        for number, severity in enumerate(severities)
    ]


def _keys(rows: list[dict[str, Any]]) -> list[str]:
    return [row["key"] for row in _newest(rows)]


def test_what_a_start_says_does_not_hide_why_the_machine_started_anew() -> None:
    before, now = _rows(1, "info", "error", "info", "warning"), _rows(2, *["info"] * 12)
    newest = [f"2.{number}" for number in range(2, 12)]
    assert _keys([*before, *now]) == ["1.1", "1.3", *newest]
    assert _keys([*_rows(0, "error"), *before, *now]) == ["1.1", "1.3", *newest]


def test_a_boot_before_that_is_in_sight_needs_no_more() -> None:
    assert _keys([*_rows(1, "error", "info"), *_rows(2, *["info"] * 9)])[0] == "1.1"
    assert _keys(_rows(1, *["error"] * 12)) == [f"1.{number}" for number in range(2, 12)]
    assert _keys([]) == []


def test_the_state_is_a_picture_that_forecasts_can_read() -> None:
    made = Picture(me="node1", wall=7, config=example(), kept=Kept(), servers={})
    got = json.loads(_picture_line(made))
    assert got["ok"] is True
    assert values.from_json(json.dumps(got["state"]), Picture) == made
