"""The checker of histories finds what must not be, and nothing else."""

from __future__ import annotations

from clp_lab.torture.customer import Asked
from clp_lab.torture.history import Entry, Service, violations

_MS = 1_000_000


def _asked(*words: str, server: str = "node1") -> list[Asked]:
    return [Asked(word, n * 10 * _MS, n * 10 * _MS + _MS, server) for n, word in enumerate(words)]


def _ledger(text: str) -> list[Entry]:
    return [Entry.of(f"{word.partition('@')[0]} {word.partition('@')[2]}") for word in text.split()]


def test_a_good_history_has_no_violations() -> None:
    """A word may be there that nobody confirmed: the answer was lost. It may be there twice."""
    asked = [*_asked("w1", "w2"), *_asked("w3", server="")]
    assert violations(asked, _ledger("begin@a w1@a begin@b w2@b w3@b w3@b")) == []
    assert violations([], []) == []


def test_a_confirmed_word_that_is_not_there_is_lost() -> None:
    assert violations(_asked("w1", "w2"), _ledger("begin@a w2@a")) == [
        "lost: w1, which node1 had confirmed"
    ]


def test_who_was_replaced_must_not_write() -> None:
    found = violations([], _ledger("begin@a w1@a begin@b w2@a w3@b begin@c"))
    assert found == ["two writers: a wrote line 4, after b had begun"]


def test_confirmed_words_keep_their_order() -> None:
    found = violations(_asked("w1", "w2"), _ledger("begin@a w2@a w1@a"))
    assert found == ["out of order: w2 stands before w1, confirmed before it was asked"]


def test_the_longest_outage_counts_from_the_first_question_to_the_last_moment() -> None:
    asked = [*_asked("w1", "w2", "w3", server=""), Asked("w4", 30 * _MS, 40 * _MS, "node2")]
    service = Service.of(asked, end=50 * _MS)
    assert (service.asked, service.confirmed) == (4, 1)
    assert (service.longest_outage, service.outage_began) == (0.04, 0)
    assert Service.of([], end=5).confirmed == 0


def test_a_line_of_the_client_is_read_as_it_is_written() -> None:
    assert Asked.of("w7 1 2 -") == Asked("w7", 1, 2, "")
    assert Asked.of("w7 1 2 node2") == Asked("w7", 1, 2, "node2")
