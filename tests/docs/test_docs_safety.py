"""The safety page: every rule has its proof, and every proof that it names is there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/safety.md"
LATER = {"R33", "R34", "R35", "R36", "R39"}
REPLACED = {"R6", "R13", "R16"}
NOT_APPLYING = {"R23"}


def _rows() -> dict[str, str]:
    rows = re.findall(r"^\| (R\d+) \| [^|]+ \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a rule stands there twice"
    return dict(rows)


@pytest.fixture(scope="module")
def tests() -> str:
    found = subprocess.run(
        ["git", "grep", "-hE", "def test_", "--", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_every_rule_is_there() -> None:
    assert list(_rows()) == [f"R{n}" for n in range(1, 45)]


@pytest.mark.parametrize("rule", _rows())
def test_what_proves_a_rule_exists(rule: str, tests: str) -> None:
    where = _rows()[rule]
    kinds = {"later": LATER, "replaced": REPLACED, "does not apply": NOT_APPLYING}
    for word, rules in kinds.items():
        assert where.startswith(word) == (rule in rules)
    named = re.findall(r"(mutant|scenario|test): ([^;|]+)", where)
    assert named or rule in LATER | NOT_APPLYING
    mutants = tomllib.loads((ROOT / "tests/simulate/mutants.toml").read_text())["mutant"]
    known = {mutant["rule"] for mutant in mutants}
    for kind, name in ((kind, name.strip()) for kind, name in named):
        if kind == "mutant":
            assert name in known
        elif kind == "scenario":
            assert (ROOT / "tests/scenarios" / f"{name}.txt").is_file()
        else:
            assert f"def {name}(" in tests
