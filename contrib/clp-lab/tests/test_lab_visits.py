from __future__ import annotations

import json
import os

from clp_lab.spots import Visits
from clp_lab.visits import Visit, first_answer, outage


def _visit(begin: int, end: int, who: str = "node1") -> Visit:
    return Visit(begin=begin, end=end, outcome="answer" if who else "timeout", who=who)


def test_the_outage_is_the_longest_time_between_two_answers() -> None:
    visits = [_visit(0, 1), _visit(5, 6), _visit(7, 50, ""), _visit(30, 31, "node2")]
    assert outage(visits) == 25


def test_the_outage_counts_from_the_last_answer_before_the_fault() -> None:
    visits = [_visit(0, 1), _visit(40, 41), _visit(45, 46), _visit(60, 61, "node2")]
    assert outage(visits, after=47) == 15
    assert outage(visits) == 40


def test_an_outage_that_has_not_ended_is_not_known() -> None:
    assert outage([_visit(0, 1), _visit(5, 500, "")]) == 0


def test_the_first_answer_is_the_first_of_that_server_begun_after_the_fault() -> None:
    visits = [_visit(0, 1, "node2"), _visit(10, 90, "node2"), _visit(20, 30, "node2")]
    assert first_answer(visits, "node2", after=5) == visits[2]
    assert first_answer(visits, "node3") is None


def test_a_line_that_is_still_being_written_is_left_for_later() -> None:
    visits = Visits()
    line = json.dumps({"begin": 1, "end": 2, "outcome": "answer", "who": "node1"})
    os.write(visits.fd, f"{line}\n{line[:20]}".encode())
    assert visits.so_far() == (_visit(1, 2),)
    os.write(visits.fd, f"{line[20:]}\n".encode())
    visits.close()
    assert visits.so_far() == (_visit(1, 2), _visit(1, 2))
