"""One value: taken as it is, or refused with a sentence that tells how to write it."""

from __future__ import annotations

import enum

import attrs
import pytest

from clpcore.api import setting
from clpcore.config import settings
from clpcore.config.values import Wrong


class _Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@attrs.frozen
class _Everything:
    text: str = setting("A text.")
    count: int = setting("A count.", low=1, high=9)
    share: float = setting("A share.", low=0)
    on: bool = setting("A switch.")
    wait: int = setting("A duration.", unit="ms", low=10, high=3_600_000)
    colour: _Colour = setting("A colour.")
    names: tuple[str, ...] = setting("Names.")
    ports: tuple[int, ...] = setting("Ports.", low=1)
    maybe: str | None = setting("Perhaps a text.")


@pytest.mark.parametrize(
    ("key", "raw", "value"),
    [
        ("text", "", ""),
        ("count", 9, 9),
        ("share", 1, 1.0),
        ("share", 0.25, 0.25),
        ("share", 0, 0.0),
        ("on", False, False),
        ("wait", 3, 3_000),
        ("wait", 0.1, 100),
        ("wait", 1.001, 1_001),
        ("wait", "500 ms", 500),
        ("wait", "0.5s", 500),
        ("wait", "2 min", 120_000),
        ("wait", "1 h", 3_600_000),
        ("colour", "green", _Colour.GREEN),
        ("names", [], ()),
        ("names", ["a", "b"], ("a", "b")),
        ("ports", [80, 443], (80, 443)),
        ("maybe", "x", "x"),
    ],
)
def test_a_good_value_is_taken(key: str, raw: object, value: object) -> None:
    taken = settings.keys(_Everything)[key].convert(raw)
    assert (taken, type(taken)) == (value, type(value))


@pytest.mark.parametrize(
    ("key", "raw", "said"),
    [
        ("text", 3, '3 is not a text. Write it in quotes: "3".'),
        ("text", True, 'true is not a text. Write it in quotes: "true".'),
        ("text", ["a"], '["a"] is not a text. Write a text in quotes.'),
        ("count", "99", '"99" is not a whole number. Write it without quotes: 99.'),
        ("count", "many", '"many" is not a whole number. Write a whole number.'),
        ("count", True, "true is not a whole number. Write a whole number."),
        ("count", 3.0, "3.0 is not a whole number. Write a whole number."),
        ("count", 0, "0 is too little. Give 1 or more."),
        ("count", 10, "10 is too much. Give 9 or less."),
        ("share", True, "true is not a number. Write a number."),
        ("share", float("nan"), "nan is not a number to work with. Give a finite number."),
        ("share", -0.5, "-0.5 is too little. Give 0 or more."),
        ("on", 1, "1 is not true or false. Write true or false, without quotes."),
        ("on", "true", '"true" is not true or false. Write it without quotes: true.'),
        ("wait", 0.001, "0.001 is too little. Give 10 ms or more."),
        ("wait", "2 h", '"2 h" is too much. Give 3600 s or less.'),
        ("wait", -1, "-1 is negative. A duration is 0 or more."),
        ("wait", 1.0001, "1.0001 is finer than a millisecond. Give whole milliseconds."),
        ("colour", "gren", '"gren" is none of "red" or "green". Did you mean "green"?'),
        ("colour", ["red"], '["red"] is none of "red" or "green". Write one of them, in quotes.'),
        ("colour", 1, '1 is none of "red" or "green". Write one of them, in quotes.'),
        ("names", "a", '"a" is not a list. Write it in brackets: ["a"].'),
        ("names", ["a", 2], '2 is not a text. Write it in quotes: "2".'),
        ("ports", [80, 0], "0 is too little. Give 1 or more."),
        ("maybe", 1, '1 is not a text. Write it in quotes: "1".'),
    ],
)
def test_a_wrong_value_is_refused_with_the_way_to_write_it(
    key: str, raw: object, said: str
) -> None:
    with pytest.raises(Wrong) as wrong:
        settings.keys(_Everything)[key].convert(raw)
    assert f"{wrong.value.what} {wrong.value.remedy}" == said
    assert wrong.value.index == (1 if isinstance(raw, list) and key in {"names", "ports"} else None)


@pytest.mark.parametrize(
    "raw", ["90 sec", "ms", "-3 s", "3,5 s", "", True, float("inf"), float("nan"), [3], "1e3 s"]
)
def test_what_is_no_duration_shows_how_one_is_written(raw: object) -> None:
    with pytest.raises(Wrong, match="is not a duration") as wrong:
        settings.keys(_Everything)["wait"].convert(raw)
    assert '"500 ms"' in wrong.value.remedy
