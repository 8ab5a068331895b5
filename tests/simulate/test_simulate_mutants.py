"""The list of broken rules keeps up with the code that it breaks."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DECIDE = HERE.parents[1] / "clpcore" / "decide"
MUTANTS = tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["rule"])
def test_what_a_mutant_breaks_stands_in_its_file_once(mutant: dict[str, str]) -> None:
    text = (DECIDE / mutant["file"]).resolve().read_text(encoding="utf-8")
    assert text.count(mutant["was"]) == 1
    assert mutant["now"] != mutant["was"]
