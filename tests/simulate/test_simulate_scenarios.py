"""The scenarios of tests/scenarios: whole conversations of a cluster with itself, as text.

``CLP_RECORD=1 pytest tests/simulate`` writes down what the servers say now. Commit that only after
reading every changed line: it is what an operator will be told.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clpcore.simulate import play

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_the_servers_say_what_is_recorded(file: Path) -> None:
    recorded = file.read_text(encoding="utf-8")
    played = play(recorded)
    if os.environ.get("CLP_RECORD"):
        file.write_text(played, encoding="utf-8")
    else:
        assert played == recorded


def test_a_scenario_says_the_same_twice() -> None:
    script = (SCENARIOS[0]).read_text(encoding="utf-8")
    assert play(script) == play(script)
