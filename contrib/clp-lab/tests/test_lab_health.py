from __future__ import annotations

import pytest

from clp_lab.health import Verdict


@pytest.mark.parametrize(
    ("threshold", "results", "verdicts"),
    [
        (1, "+-+", "+-+"),
        (2, "+++--+--", "-+++----"),
        (2, "+-+-++", "-----+"),
        (3, "+++--+---", "--++++++-"),
    ],
)
def test_so_many_equal_results_in_a_row_change_the_verdict(
    threshold: int, results: str, verdicts: str
) -> None:
    verdict = Verdict(threshold)
    seen = ""
    for result in results:
        before = verdict.healthy
        assert verdict.note(success=result == "+") == (verdict.healthy != before)
        seen += "+" if verdict.healthy else "-"
    assert seen == verdicts
