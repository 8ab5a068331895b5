"""The report as an operator reads it: whole reports of small folders, in golden/*/report.txt.

``CLP_RECORD=1`` writes them anew. Commit that when the report reads better than before.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import attrs
import pytest

from clpcore import config
from clpcore.api import DriverSpec, Kind
from clpcore.config.problems import Place, Problem
from clpcore.model.reasons import Severity

Specs = dict[tuple[Kind, str], DriverSpec]

_GOLDEN = Path(__file__).parent / "golden"


@attrs.frozen
class _Refused:
    plugin: str = "fip"
    reason: str = "fip needs arping, not found on PATH"
    remedy: str = "Install arping here."


@pytest.mark.parametrize("case", ["mistakes", "broken", "good"])
def test_the_whole_report(case: str, specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_GOLDEN / case)
    loaded = config.load("conf.d", specs, [_Refused()])
    report = config.render(loaded.problems, loaded.config)
    if os.environ.get("CLP_RECORD"):
        Path("report.txt").write_text(report)
    assert report == Path("report.txt").read_text()
    assert max(map(len, report.splitlines())) <= 100


def test_the_same_in_json(specs: Specs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(_GOLDEN / "good")
    loaded = config.load("conf.d", specs)
    found = json.loads(json.dumps(config.as_json(loaded.problems, loaded.config)))
    assert (found["schema"], found["usable"], found["cluster"]) == (1, True, "Cluster1")
    assert found["problems"][0] == {
        "severity": "warning",
        "file": "conf.d/cluster.toml",
        "line": 1,
        "key": "cluster.unproven_takeover",
        "value": "",
        "what": loaded.problems[0].what,
        "remedy": loaded.problems[0].remedy,
    }
    assert found["problems"][1]["value"] == "25"


def test_one_is_counted_in_the_singular() -> None:
    problem = Problem(severity=Severity.ERROR, what="Bad.")
    assert config.render([problem], None) == (
        "error\n  Bad.\n\n1 error: this configuration cannot be used.\n"
    )


def test_nothing_wrong_is_said_too() -> None:
    assert config.render([], None) == "No problem found: this configuration cannot be used.\n"


@pytest.mark.parametrize(("column", "shown"), [(3, "bc"), (150, "xyz"), (89, "pq")])
def test_a_long_line_is_shown_where_it_matters(column: int, shown: str) -> None:
    text = ("a" * (column - 1) + shown).ljust(300, "b")
    place = Place(file="a.toml", line=1, column=column, width=len(shown), text=text)
    problem = Problem(severity=Severity.ERROR, what="Bad.", place=place)
    _, line, caret, *_ = config.render([problem], None).splitlines()
    begin = caret.index("^")
    assert line[begin : begin + caret.count("^")] == shown
    assert max(len(line), len(caret)) <= 100


def test_the_caret_stands_under_the_part_that_is_meant() -> None:
    place = Place(file="a.toml", line=7, column=8, width=3, text="\t\tx = \x1b'é'")
    problem = Problem(severity=Severity.ERROR, what="Bad.", place=place)
    assert config.render([problem], None).splitlines()[:4] == [
        "a.toml:7: error",
        "      x =  'é'",
        "           ^^^",
        "  Bad.",
    ]
