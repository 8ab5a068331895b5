"""The safety page: every rule has its proof, and every proof that it names is there."""

from __future__ import annotations

import itertools
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from clpcore.model.protection import Policy
from clpcore.simulate import Scenario

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/safety.md"
LATER = {"R33", "R34", "R35", "R36"}
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


# -- what each configuration promises, and what the table does not say

_WORDS = {"operator", "np only", "unproven", *(each.value for each in Policy)}  # config/safety.py


def _policies(page: Path) -> set[str]:
    """Give the words in the column "policy" of the page's first table that has one."""
    lines = iter(page.read_text().splitlines())
    head = next(line for line in lines if line.startswith("|") and "| policy |" in line)
    column = [cell.strip() for cell in head.split("|")].index("policy")
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines))[1:]
    return {word.strip() for row in rows for word in row.split("|")[column].split(",")}


@pytest.mark.parametrize("page", [PAGE, ROOT / "docs/howto/never-twice.md"], ids=lambda p: p.stem)
def test_the_policies_have_the_names_that_the_check_gives_them(page: Path) -> None:
    assert _policies(page) == _WORDS


def _played(*lines: str) -> list[str]:
    scenario = Scenario()
    for line in lines:
        scenario.do(line)
    return scenario.lines


_ARBITER = "arbiter witness1 10000"
_LOST = ("run 3 s", "cut node1 witness1", "cut node2 witness1", "run 30 s")


def test_a_server_that_is_off_promises_nothing_and_one_whose_service_is_stopped_does() -> None:
    begin = (_ARBITER, "begin node1 node2")
    off = _played(*begin, "leave node2", *_LOST)
    stopped = _played(*begin, "node1$ clp server stop node2", *_LOST)
    assert any(" rc608 " in line for line in off)
    assert not any(" rc608 " in line for line in stopped)


_CUT = (
    "fencing power1",
    "begin node1 node2",
    "tell power1 node1 fence fails 999 no",
    "tell power1 node2 fence fails 999 no",
    "cut node1 node2",
    "run 60 s",
)


def test_a_forced_stop_that_fails_moves_the_group_to_and_fro_without_a_lease_alone() -> None:
    without, with_lease = _played("arbiter witness1 0", *_CUT), _played(_ARBITER, *_CUT)
    assert sum(" rc606 " in line for line in without) > 3
    assert not any(" rc606 " in line or " rc11 " in line for line in with_lease)


def test_an_operators_word_is_refused_only_where_the_server_is_heard() -> None:
    cut = ("begin node1 node2", "cut node1 node2", "run 10 s")
    word = "node2$ clp server confirm-down node1"
    assert any("answer refused" in line for line in _played("begin node1 node2", word))
    lease = _played(_ARBITER, *cut, word, "run 15 s")
    assert any("answer done" in line for line in lease)
    assert not any(" rc10 " in line for line in lease)
