"""The board and the page of metrics name only families, labels and states that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clpcore.model.states import Shown, Verdict
from clpcore.runtime.metrics.families import FAMILIES
from clpcore.wire.rejected import Reason

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/howto/metrics.md").read_text()
_BOARD: dict[str, Any] = json.loads((_ROOT / "contrib/grafana/clpcore.json").read_text())
_VALUES = {
    "state": {state.value for state in Shown},
    "verdict": {verdict.value for verdict in Verdict},
    "reason": {reason.value for reason in Reason},
}
_OF_PROMETHEUS = {"instance", "job", "le"}


def _names() -> dict[str, set[str]]:
    """Give the labels of every series."""
    found: dict[str, set[str]] = {}
    for family in FAMILIES:
        parts = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        found |= {family.name + part: {*family.labels} for part in parts}
    return found


def _expressions() -> Iterator[str]:
    for panel in _BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    yield from (each["expr"] for each in _BOARD["annotations"]["list"])
    yield from re.findall(r"expr: (.+)", _PAGE)


@pytest.mark.parametrize("expression", sorted(set(_expressions())))
def test_an_expression_names_what_exists(expression: str) -> None:
    names = _names()
    used = re.findall(r"\b(clpcore_\w+)(?:\{(.*?)\})?", expression)
    assert used or expression.startswith("up{")
    labels: set[str] = set()
    for name, matchers in used:
        assert name in names
        labels |= names[name]
        for label, words in re.findall(r'(\w+)[=!~]+"([^"]*)"', matchers):
            assert label in names[name]
            assert set(words.split("|")) <= _VALUES[label]
    for by in re.findall(r"by \(([^)]*)\)", expression):
        assert set(by.split(", ")) <= labels | _OF_PROMETHEUS


def test_legends_name_labels_of_their_series() -> None:
    names = _names()
    for panel in _BOARD["panels"]:
        for target in panel.get("targets", ()):
            (name, *_) = re.findall(r"\bclpcore_\w+", target["expr"])
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= names[name] | _OF_PROMETHEUS, panel["title"]


def test_panels_have_ids_and_places_of_their_own() -> None:
    ids = [panel["id"] for panel in _BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in _BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_every_family_is_on_the_board_but_those_that_only_explain() -> None:
    shown = set(re.findall(r"clpcore_\w+", json.dumps(_BOARD)))
    missing = [
        family.name
        for family in FAMILIES
        if not any(name.startswith(family.name) for name in shown)
    ]
    assert missing == ["clpcore_info", "clpcore_group_epoch"]
