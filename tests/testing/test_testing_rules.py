"""Each rule is broken by a test's wrong driver, and tells its reader enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore.testing import rules

RULES = {name: rule for name, rule in vars(rules).items() if isinstance(rule, rules.Rule)}


@pytest.mark.parametrize("name", RULES)
def test_a_wrong_driver_breaks_it(name: str) -> None:
    files = Path(__file__).parent.glob("test_testing_*.py")
    assert any(f"rules.{name}" in file.read_text() for file in files)


@pytest.mark.parametrize("name", RULES)
def test_it_is_a_sentence_with_a_next_step(name: str) -> None:
    rule = RULES[name]
    assert rule.says.endswith(".")
    assert rule.next_step[0].isupper()
    assert rule.next_step.endswith(".")


def test_a_broken_rule_names_driver_rule_sight_and_step() -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        rules.broken(rules.NO_BUG, "resource acme", "probe raised KeyError")
    text = str(failed.value)
    for part in (
        "resource acme",
        rules.NO_BUG.says,
        "probe raised KeyError",
        rules.NO_BUG.next_step,
    ):
        assert part in text
