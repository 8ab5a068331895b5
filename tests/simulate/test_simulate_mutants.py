"""Broken rules: the list keeps up with the code that it breaks, and the page with the list.

``make mutants`` breaks all of them, which takes an hour; here only some that are noticed at once.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from clpcore.simulate import invariants

HERE = Path(__file__).parent


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", HERE / "mutants.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = _load()
MUTANTS = {mutant["rule"]: mutant for mutant in RUNNER.mutants()}
AT_ONCE = {
    "fence: the intent is in the journal before the request": "fences_are_allowed",
    "tenure: nothing is served while a suspect is left": "claims_are_covered",
    "session: a renewal names what is held": "a_renewal_names_what_is_served",
}
ELSEWHERE = {"everything_recovers", "a_record_forgets_nobody", "a_lost_right_ends_in_time"}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_what_a_mutant_breaks_stands_in_its_file_once(mutant: dict[str, str]) -> None:
    text = RUNNER.source(mutant).read_text(encoding="utf-8")
    assert text.count(mutant["was"]) == 1
    assert mutant["now"] != mutant["was"]


def test_no_rule_is_broken_twice() -> None:
    assert len(MUTANTS) == len(RUNNER.mutants())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("rule", AT_ONCE)
def test_an_invariant_notices_a_broken_rule(rule: str) -> None:
    assert RUNNER.noticed(MUTANTS[rule], seeds=8)["by"] == AT_ONCE[rule]


def _rows() -> Iterator[tuple[str, str]]:
    """Give what the page says: a rule, and the invariant that has noticed it or ""."""
    text = RUNNER.PAGE.read_text(encoding="utf-8")
    for rule, named in re.findall(r"^\| (.+?) \| `\w+\.py` \| (.+) \|$", text, re.MULTILINE):
        found = re.match(r"`(.+)`", named)
        yield rule, found[1] if found else ""


def test_the_page_names_every_rule_and_forty_that_an_invariant_notices() -> None:
    rows = dict(_rows())
    assert set(rows) == set(MUTANTS), "run `make mutants NEW=1`"
    known = {rule.__name__ for rule in (*invariants.WITH_NP, *invariants.AT_REST)} | ELSEWHERE
    named = [by for by in rows.values() if by]
    assert {by for by in named if by not in known} <= {"it does not come to rest"}
    assert len(named) >= 40
