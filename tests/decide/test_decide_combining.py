"""mtw: how many of several monitors are in error."""

from __future__ import annotations

import pytest

from clpcore.decide.combining import combined
from clpcore.model.states import Health, Shown

_WORDS = {
    "N": Shown.NORMAL,
    "C": Shown.CAUTION,
    "E": Shown.ERROR,
    "S": Shown.SUSPEND,
    "O": Shown.OFFLINE,
    "U": Shown.UNKNOWN,
}


def _judged(states: str, **settings: int) -> Health | None:
    names = [f"m{number}" for number in range(len(states))]
    known = {name: _WORDS[word] for name, word in zip(names, states, strict=True)}
    seen = combined({"monitors": names, **settings}, known)
    return seen.health if seen else None


@pytest.mark.parametrize(
    ("states", "health"),
    [
        ("NN", Health.NORMAL),
        ("NC", Health.NORMAL),
        ("EN", Health.NORMAL),
        ("EC", Health.NORMAL),
        ("EE", Health.ERROR),
        ("EO", Health.WARNING),  # were it in error, all would be
        ("ES", Health.WARNING),
        ("EU", Health.WARNING),
        ("NO", Health.NORMAL),
        ("OO", None),
        ("SU", None),
    ],
)
def test_all_must_be_in_error_by_default(states: str, health: Health | None) -> None:
    assert _judged(states) is health


@pytest.mark.parametrize(
    ("states", "health"),
    [
        ("NNN", Health.NORMAL),
        ("ENN", Health.WARNING),
        ("EEN", Health.ERROR),
        ("EEE", Health.ERROR),
        ("EEU", Health.ERROR),
        ("NNU", Health.NORMAL),
        ("NUU", Health.NORMAL),  # nobody is in error, as far as anybody looks
    ],
)
def test_thresholds_are_reached_by_errors(states: str, health: Health) -> None:
    assert _judged(states, error_threshold=2, warning_threshold=1) is health


def test_without_a_warning_threshold_too_few_errors_are_normal() -> None:
    assert _judged("ENN", error_threshold=2) is Health.NORMAL


def test_a_monitor_that_is_not_known_does_not_look() -> None:
    assert combined({"monitors": ["m1"]}, {}) is None


def test_it_says_who_is_in_error_and_how_many_do_not_look() -> None:
    states = {"a": Shown.ERROR, "b": Shown.NORMAL, "c": Shown.ERROR, "d": Shown.OFFLINE}
    seen = combined({"monitors": ("a", "b", "c", "d"), "error_threshold": 2}, states)
    assert seen is not None
    assert seen.sentence == "2 of 4 in error: a, c; 1 not looked at"
    alone = combined({"monitors": ("b",)}, states)
    assert alone is not None
    assert alone.sentence == "0 of 1 in error"
