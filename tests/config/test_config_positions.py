"""The scanner finds exactly the keys that tomllib finds, each where it stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clpcore.config.positions import Mark, Path, scan

_NAMES = ("a", "b-c", "1", "server", "x_y")
_BLANKS = st.sampled_from(["", " ", "\t"])
_LINES = st.sampled_from(["", "\n", " # a = 1 ]\n", '\n# """ [x]\n\n'])

_keys = st.one_of(
    st.sampled_from(_NAMES),
    st.sampled_from(['"a"', "'a'", '"x.y"', "'\"'", '"\\"]"', '"\\u00e4"', '""', '"a = 1"']),
)
_dotted = st.lists(st.tuples(_keys, _BLANKS), min_size=1, max_size=3).map(
    lambda parts: ".".join(f"{blank}{key}{blank}" for key, blank in parts)
)
_scalars = st.sampled_from(
    [
        "1",
        "-0x1F",
        "1e3",
        "+inf",
        "true",
        "1979-05-27 07:32:00Z",
        "1979-05-27T00:32:00.5-07:00",
        "1979-05-27",
        "07:32:00",
        '"a # b"',
        '"\\\\"',
        '"\\"] = {"',
        "'C:\\'",
        '"""x"""',
        '"""\nx = 1\n[y]\\\n  "" \\""""',
        '""""q"""""',
        "'''\n'' # '''",
        "''''q'''''",
        '""""""',
    ]
)


def _arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def text(elements: list[str], blanks: list[str], *, comma: bool) -> str:
        parts = (
            f"{blank}{element}{blank}" for element, blank in zip(elements, blanks, strict=True)
        )
        return (
            f"[{','.join(parts)}{',' if comma and elements else ''}{blanks[0] if blanks else ''}]"
        )

    sized = st.integers(0, 3).flatmap(
        lambda size: st.tuples(
            st.lists(inner, min_size=size, max_size=size),
            st.lists(_LINES, min_size=size, max_size=size),
            st.booleans(),
        )
    )
    return sized.map(lambda drawn: text(drawn[0], drawn[1], comma=drawn[2]))


def _inline_tables(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(_dotted, inner), max_size=3)
    return pairs.map(lambda found: "{" + ", ".join(f"{key}={value}" for key, value in found) + " }")


_values = st.recursive(_scalars, lambda inner: _arrays(inner) | _inline_tables(inner), max_leaves=6)
_statements = st.one_of(
    st.tuples(_dotted, _BLANKS, _values).map(lambda drawn: f"{drawn[0]}={drawn[1]}{drawn[2]}"),
    _dotted.map(lambda key: f"[{key}]"),
    _dotted.map(lambda key: f"[[{key}]]"),
)


@st.composite
def _documents(draw: st.DrawFn) -> str:
    """Draw statements, and keep each that tomllib accepts after those before it."""
    text = ""
    for statement in draw(st.lists(st.tuples(_BLANKS, _statements, _LINES), max_size=8)):
        longer = text + "".join(statement) + "\n"
        try:
            tomllib.loads(longer)
        except tomllib.TOMLDecodeError:
            continue
        text = longer
    return text


def _paths(value: dict[str, Any] | list[Any], path: Path = ()) -> Iterator[Path]:
    inner: Iterable[tuple[str | int, Any]]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from _paths(each, (*path, key))


def _at(document: dict[str, Any], path: Path) -> object:
    value: Any = document
    for part in path:
        value = value[part]
    return value


def _first_marks(text: str) -> dict[Path, Mark]:
    marks: dict[Path, Mark] = {}
    for path, mark in scan(text):
        marks.setdefault(path, mark)
    return marks


@given(_documents())
def test_it_finds_the_keys_that_tomllib_finds(text: str) -> None:
    assert set(_first_marks(text)) == set(_paths(tomllib.loads(text)))


@given(_documents())
def test_each_stands_where_it_says(text: str) -> None:
    document = tomllib.loads(text)
    for path, mark in scan(text):
        name = next(part for part in reversed(path) if isinstance(part, str))
        if isinstance(path[-1], str):
            assert list(tomllib.loads(f"{text[slice(*mark.key)]} = 0")) == [name]
        if mark.value:
            assert tomllib.loads(f"x = {text[slice(*mark.value)]}") == {"x": _at(document, path)}


@given(st.one_of(st.text(), st.tuples(_documents(), st.text()).map("".join)))
def test_any_text_ends_the_scan(text: str) -> None:
    assert all(mark.key[0] < len(text) for _, mark in scan(text))


@pytest.mark.parametrize(
    "text", ["= 1", "[", "a", "a = ", "a.= 1", "a = [1", "]]", '"\\x" = 1', "a = {b"]
)
def test_a_text_that_is_no_toml_ends_the_scan(text: str) -> None:
    assert [path for path, _ in scan(f"first = 1\n{text}\nlast = 1")][:1] == [("first",)]
