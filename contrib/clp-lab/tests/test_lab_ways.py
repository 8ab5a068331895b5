from __future__ import annotations

import random

from clp_lab.ways import GOOD, Way

_MS = 1_000_000


def _arrivals(way: Way, *, count: int = 1, previous: int = 0) -> list[list[int]]:
    dice = random.Random(5)
    return [[at for at, _ in way.arrivals(0, previous, dice)] for _ in range(count)]


def test_a_good_wire_delivers_at_once_and_once() -> None:
    assert _arrivals(GOOD) == [[0]]


def test_a_cut_delivers_nothing_whatever_else_is_set() -> None:
    assert _arrivals(Way(cut=True, duplicate=1.0), count=9) == [[]] * 9


def test_delay_and_jitter_add_up() -> None:
    arrivals = [at for one in _arrivals(Way(delay_ns=20 * _MS, jitter_ns=5 * _MS), count=200)
                for at in one]  # fmt: skip
    assert min(arrivals) >= 20 * _MS
    assert max(arrivals) <= 25 * _MS
    assert len(set(arrivals)) > 100


def test_jitter_alone_never_reorders() -> None:
    assert _arrivals(Way(jitter_ns=5 * _MS), previous=9 * _MS) == [[9 * _MS]]


def test_the_shares_are_shares() -> None:
    lost = _arrivals(Way(loss=0.25), count=4000).count([])
    twice = sum(len(one) == 2 for one in _arrivals(Way(duplicate=0.25), count=4000))
    held = sum(one[0] > 0 for one in _arrivals(Way(reorder=0.25), count=4000))
    assert all(900 < number < 1100 for number in (lost, twice, held))
