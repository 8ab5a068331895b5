"""Keys, values and durations as reports write them, and the word that was meant."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.config import wording


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1_000, "1 s"), (1_500, "1.5 s"), (60_001, "60.001 s")],
)
def test_durations(ms: int, text: str) -> None:
    assert wording.duration(ms) == text


_plain = st.one_of(st.booleans(), st.integers(-9, 9), st.text("ab é\"\\'\n.", max_size=3))
_values = st.recursive(
    _plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(st.text("ab .-é", max_size=3), inner, max_size=2),
    ),
    max_leaves=3,
)


@given(_values)
def test_a_value_is_shown_as_a_file_would_have_it(value: object) -> None:
    text = wording.toml(value)
    if not text.endswith("..."):
        assert tomllib.loads(f"x = {text}") == {"x": value}


def test_a_long_value_is_cut() -> None:
    assert wording.toml("a" * 58) == f'"{"a" * 58}"'
    assert wording.toml("a" * 59) == f'"{"a" * 56}...'


def test_an_element_goes_by_its_arrays_key() -> None:
    assert wording.dotted(("server", "node 1", "interconnect", 1)) == 'server."node 1".interconnect'


@pytest.mark.parametrize(
    ("words", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), ("abc", "a, b and c")]
)
def test_lists_read_as_sentences(words: list[str], text: str) -> None:
    assert wording.listed(words) == text


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("intervall", "interval"),
        ("Start-Delay", "start_delay"),
        ("INTERVAL", "interval"),
        ("zzz", None),
    ],
)
def test_the_word_that_was_meant(word: str, meant: str | None) -> None:
    assert wording.near(word, ["interval", "start_delay", "timeout"]) == meant
