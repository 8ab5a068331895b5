"""One value of a file -> one value of a configuration class, or why not."""

from __future__ import annotations

import enum
import math
import re
import types
import typing
from typing import Any, Final

import attrs

from clpcore.config.wording import duration, listed, near, toml

_UNITS: Final = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h)")
_DURATION_REMEDY: Final = 'Write seconds (3 or 0.5), or a text such as "500 ms", "3 s", "2 min".'


class Wrong(Exception):
    """The value cannot be taken; *index* tells which element of a list is meant."""

    def __init__(self, what: str, remedy: str, index: int | None = None) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy
        self.index = index


@attrs.frozen(kw_only=True)
class Key:
    """One key of a configuration class, as its field and the field's metadata say."""

    name: str
    type: Any
    doc: str
    default: Any  # attrs.NOTHING: the key is mandatory
    unit: str = ""
    example: str = ""
    low: int | None = None
    high: int | None = None
    secret: bool = False

    @property
    def mandatory(self) -> bool:
        """Tell whether it must be given."""
        return self.default is attrs.NOTHING

    @property
    def is_limited(self) -> bool:
        """Tell whether it has a least or a greatest value."""
        return self.low is not None or self.high is not None

    def convert(self, raw: Any) -> Any:
        """Give the value for the class.

        Raises:
            Wrong: it is of another type, or out of range.

        """
        if self.unit == "ms":
            return self._in_range(_duration(raw), raw)
        return self._in_range(_convert(self.type, raw), raw)

    def _in_range(self, value: Any, raw: Any) -> Any:
        show = duration if self.unit == "ms" else toml
        for index, number in enumerate(value if isinstance(value, tuple) else (value,)):
            place = index if isinstance(value, tuple) else None
            written = toml(raw if place is None else raw[index])
            if self.low is not None and number < self.low:
                raise Wrong(f"{written} is too little.", f"Give {show(self.low)} or more.", place)
            if self.high is not None and number > self.high:
                raise Wrong(f"{written} is too much.", f"Give {show(self.high)} or less.", place)
        return value


def can_express(wanted: Any) -> bool:
    """Tell whether a file can give a value of this type."""
    if wanted in _PLAIN or wanted is Any:
        return True
    if inner := _optional(wanted):
        return can_express(inner)
    if element := _element(wanted):
        return can_express(element)
    return isinstance(wanted, type) and issubclass(wanted, enum.Enum)  # an alias is no type


def is_number(wanted: Any) -> bool:
    """Tell whether a value of this type, or each element of it, is a number."""
    inner = _optional(wanted) or _element(wanted)
    return is_number(inner) if inner else wanted in {int, float}


def _convert(wanted: Any, raw: Any) -> Any:
    if wanted is Any:
        return raw
    if inner := _optional(wanted):
        return _convert(inner, raw)
    if element := _element(wanted):
        return _list(element, raw)
    if wanted in _PLAIN:
        return _plain(wanted, raw)
    return _choice(wanted, raw)


def _optional(wanted: Any) -> Any:
    """Give X for ``X | None``."""
    if typing.get_origin(wanted) not in {types.UnionType, typing.Union}:
        return None
    inner = [part for part in typing.get_args(wanted) if part is not types.NoneType]
    return inner[0] if len(inner) == 1 else None


def _element(wanted: Any) -> Any:
    """Give X for ``tuple[X, ...]``."""
    match typing.get_args(wanted):
        case (element, end) if typing.get_origin(wanted) is tuple and end is Ellipsis:
            return element
    return None


def _plain(wanted: type, raw: Any) -> Any:
    if _is_exactly(wanted, raw):
        if isinstance(raw, float) and not math.isfinite(raw):
            raise Wrong(f"{toml(raw)} is not a number to work with.", "Give a finite number.")
        return wanted(raw)
    name, remedy = _PLAIN[wanted]
    if isinstance(raw, str) and _is_quoted(wanted, raw):
        remedy = f"Write it without quotes: {raw}."
    if wanted is str and isinstance(raw, int | float):
        remedy = f"Write it in quotes: {toml(toml(raw))}."
    raise Wrong(f"{toml(raw)} is not {name}.", remedy)


_PLAIN: Final[dict[Any, tuple[str, str]]] = {
    str: ("a text", "Write a text in quotes."),
    bool: ("true or false", "Write true or false, without quotes."),
    int: ("a whole number", "Write a whole number."),
    float: ("a number", "Write a number."),
}


def _is_exactly(wanted: type, raw: Any) -> bool:
    """Tell whether *raw* is of the type itself: true is no 1; but 1 is a 1.0."""
    return type(raw) is wanted or (wanted is float and type(raw) is int)


def _is_quoted(wanted: type, raw: str) -> bool:
    patterns = {int: r"-?\d+", float: r"-?\d+(\.\d+)?", bool: "true|false"}
    return bool(re.fullmatch(patterns[wanted], raw))


def _list(element: Any, raw: Any) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise Wrong(f"{toml(raw)} is not a list.", f"Write it in brackets: [{toml(raw)}].")
    values = []
    for index, inner in enumerate(raw):
        try:
            values.append(_convert(element, inner))
        except Wrong as wrong:
            raise Wrong(wrong.what, wrong.remedy, index) from None
    return tuple(values)


def _choice(wanted: type[enum.Enum], raw: Any) -> enum.Enum:
    by_value = {member.value: member for member in wanted}
    if isinstance(raw, str) and raw in by_value:
        return by_value[raw]
    what = f"{toml(raw)} is none of {listed(map(toml, by_value), 'or')}."
    best = near(raw, by_value) if isinstance(raw, str) else None
    raise Wrong(what, f"Did you mean {toml(best)}?" if best else "Write one of them, in quotes.")


def _duration(raw: Any) -> int:
    """Give milliseconds."""
    ms = math.nan
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        ms = raw * 1_000
    elif isinstance(raw, str) and (match := DURATION.fullmatch(raw.strip())):
        ms = float(match[1]) * _UNITS[match[2]]
    if not math.isfinite(ms):
        raise Wrong(f"{toml(raw)} is not a duration.", _DURATION_REMEDY)
    if ms < 0:
        raise Wrong(f"{toml(raw)} is negative.", "A duration is 0 or more.")
    if abs(ms - round(ms)) > 1e-6:  # noqa: PLR2004 - what floats lose
        raise Wrong(f"{toml(raw)} is finer than a millisecond.", "Give whole milliseconds.")
    return round(ms)
