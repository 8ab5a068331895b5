"""Worlds that differ only in names of moments and numbers are one: their canonical key.

A value is spelled once, as its *shape*: what it says, and apart from it the numbers in it, each
with its dimension. The key of a world puts the shapes together and renames the numbers:

* times count from now, and the past is cut off at ``PAST_MS``, longer than any waiting time,
  as is the future at ``FUTURE_MS``, where only a look at the forced stop is due;
* epochs, rounds of versions, boots of each server, numbers of views, joins and reports keep their
  order, and neighbours stay neighbours, but a gap is never wider than 2;
* ids of calls keep their order only.

Left out are sentences but for their keys, boot ids (journals are never lost here, so that counters
tell boots apart), replies to operators, and what follows from the rest.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from clpcore.model import arbitration, ownership
from clpcore.model.ids import Boot, View
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import GroupReport, Heard, Reply
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.state import ClusterState, Peer

PAST_MS: Final = 8_000
FUTURE_MS: Final = 60_000

TIME, ZERO, EPOCH, ROUND, BOOT, START, ACTION, REPORT, JOIN, VIEW, TRUTH, SKIP = range(12)
PLAIN: Final = -1
_ARE: Final[dict[str, int]] = {  # what a number is, by the word for it
    **dict.fromkeys(
        [
            "now",
            "probed_at",
            "until",
            "since",
            "sent_at",
            "stop_wait_since",
            "stop_by",
            "at",
            "challenged_at",
            "asked_at",
            "asked_whole_at",
            "next_at",
            "answered",
            "silent",
            "unasked",
            "renewed_at",
            "hung_until",
            "hung_at",
            "bites_at",
            "beat_at",
        ],
        TIME,
    ),
    **dict.fromkeys(("lease", "asking", "number"), ZERO),
    "epoch": EPOCH,
    "round": ROUND,
    "start": START,
    **dict.fromkeys(("counter", "boot"), BOOT),
    **dict.fromkeys(("action", "id"), ACTION),
    **dict.fromkeys(("report", "version", "base"), REPORT),
    "join": JOIN,
    **dict.fromkeys(("failure", "failed", "detail"), TRUTH),
    **dict.fromkeys(
        ["wall", "wake_at", "last_action", "boot_id", "because", "by", "lapses_in", "shape"], SKIP
    ),
}
_ARE_IN: Final[dict[tuple[type, str], int]] = {  # and where the word is not enough
    (Boot, "id"): SKIP,
    (ClusterState, "answered"): SKIP,
    (Heard, "now"): PLAIN,
    (Kept, "ends"): SKIP,
    (Reply, "request"): SKIP,
    (Request, "id"): SKIP,
    (View, "counter"): VIEW,
    (arbitration.Record, "evidence"): SKIP,
    (arbitration.Session, "lease"): SKIP,
}
_MAPS: Final[dict[str, int]] = {  # of mappings from names to numbers
    "links": TIME,
    "due": TIME,
    "waiting": TIME,
    "promised": TIME,
    "held": EPOCH,
    "boots": BOOT,
    "failovers": JOIN,
}
_WHOSE: Final = ("server", "owner", "sender", "me", "name")

Number = tuple[int, str, int | None]  # dimension, of which server, value


@attrs.frozen
class Shape:
    """A value without its numbers, and these."""

    said: int
    numbers: tuple[Number, ...]


def shape_of(value: object, me: str, to: str = "") -> Shape:
    """Spell *value*, which belongs to the server *me*; *to* is whom a letter is for."""
    spelling = _Spelling(me, to)
    spelling.add(value, me)
    return Shape(hash(tuple(spelling.said)), tuple(spelling.numbers))


class _Spelling:
    """What was spelled so far."""

    def __init__(self, me: str, to: str) -> None:
        self.me = me
        self.to = to
        self.said: list[object] = []
        self.numbers: list[Number] = []

    def add(self, value: Any, whose: str) -> None:  # noqa: ANN401 - any value of the model
        """Spell one value; boots in it that say of nobody are those of *whose*."""
        kind = type(value)
        if value is None or kind is str or kind is bool or kind is int:
            self.said.append(value)
        elif kind is tuple:
            self.said.append(len(value))
            for each in value:
                self.add(each, whose)
        elif isinstance(value, enum.Enum):
            self.said.append(value.value)
        elif kind is dict:
            self._add_mapping(value, whose)
        elif kind is frozenset:
            self.add(tuple(sorted(value)), whose)
        elif kind in _SPELLED_ONCE:
            known = _known(value, whose, self.me)
            self.said.append(known.said)
            self.numbers += known.numbers
        else:
            (_PLANS.get(kind) or _plan(kind))(self, value, whose)

    def _add_mapping(self, value: Mapping[Any, Any], whose: str) -> None:
        self.said.append(len(value))
        for key in sorted(value):
            if type(key) is int:
                self.numbers.append((ACTION, self.me, key))
            else:
                self.said.append(key)
            self.add(value[key], key if type(key) is str else whose)


# What many states share, as only one of their parts has changed.
_SPELLED_ONCE: Final = frozenset({Kept, BootKept, Peer, GroupReport, ownership.Record})
_KNOWN_AT_MOST: Final = 20_000
_KNOWN: Final[dict[tuple[int, str, str], tuple[object, Shape]]] = {}


def _known(value: object, whose: str, me: str) -> Shape:
    """Spell a value, or find it spelled; the value is kept, so that its id is nobody else's."""
    place = (id(value), whose, me)
    found = _KNOWN.get(place)
    if found is not None:
        return found[1]
    spelling = _Spelling(me, "")
    (_PLANS.get(type(value)) or _plan(type(value)))(spelling, value, whose)
    shape = Shape(hash(tuple(spelling.said)), tuple(spelling.numbers))
    if len(_KNOWN) >= _KNOWN_AT_MOST:
        _KNOWN.clear()
    _KNOWN[place] = (value, shape)
    return shape


_Plan = Callable[[_Spelling, Any, str], None]
_PLANS: dict[type, _Plan] = {}


def _plan(kind: type) -> _Plan:
    """Make the function that spells the values of one class."""
    name = kind.__name__
    plan: _Plan = _say_key
    if kind is not Because:
        fields = tuple(field.name for field in attrs.fields(kind))
        known = ((each, _ARE_IN.get((kind, each), _ARE.get(each, PLAIN))) for each in fields)
        steps = tuple(step for step in known if step[1] != SKIP)
        plan = _plan_of(name, steps, next((each for each in _WHOSE if each in fields), ""))
    _PLANS[kind] = plan
    return plan


def _say_key(spelling: _Spelling, value: Any, whose: str) -> None:  # noqa: ANN401, ARG001
    spelling.said.append(value.key)


def _plan_of(name: str, steps: tuple[tuple[str, int], ...], whose_field: str) -> _Plan:
    def plan(spelling: _Spelling, value: Any, whose: str) -> None:  # noqa: ANN401
        spelling.said.append(name)
        if whose_field:
            whose = getattr(value, whose_field)
        for field, dimension in steps:
            _add_field(spelling, field, dimension, getattr(value, field), whose)

    return plan


def _add_field(spelling: _Spelling, field: str, dimension: int, part: Any, whose: str) -> None:  # noqa: ANN401
    kind = type(part)
    if dimension == TRUTH:
        spelling.said.append(bool(part))
    elif dimension >= 0 and (part is None or kind is int):
        if dimension == ZERO:
            spelling.numbers.append((TIME, "", part or None))
        else:
            spelling.numbers.append(
                (dimension, spelling.me if dimension == ACTION else whose, part)
            )
    elif kind is dict and field in _MAPS:
        for key in sorted(part):
            spelling.said.append(key)
            spelling.numbers.append((_MAPS[field], key, part[key]))
    elif field == "operations":
        spelling.add(tuple(part.values()), whose)
    else:
        spelling.add(part, spelling.to if field == "to" else whose)


_SHARED: Final = frozenset({TIME, EPOCH, ROUND, JOIN, VIEW})  # numbers of nobody in particular


def key_of(now: int, shapes: Iterable[Shape]) -> int:
    """Give what is equal for worlds that are equal but for the names of numbers."""
    shapes = tuple(shapes)
    found: dict[object, set[int]] = {}
    for shape in shapes:
        for dimension, whose, number in shape.numbers:
            if dimension != TIME and number:
                name = dimension if dimension in _SHARED else (dimension, whose)
                found.setdefault(name, set()).add(number)
    renamed = {name: _renamed(name, numbers) for name, numbers in found.items()}
    parts: list[int | None] = [shape.said for shape in shapes]
    for shape in shapes:
        for dimension, whose, number in shape.numbers:
            if not number:
                parts.append(number)
            elif dimension == TIME:
                parts.append(max(-PAST_MS, min(number - now, FUTURE_MS)))
            else:
                name = dimension if dimension in _SHARED else (dimension, whose)
                parts.append(renamed[name][number])
    return hash(tuple(parts))


def _renamed(name: object, numbers: set[int]) -> dict[int, int]:
    """Give the numbers anew, in their order; ids have no other meaning than that."""
    widest = 1 if isinstance(name, tuple) and name[0] == ACTION else 2
    last, new, renamed = 0, 0, {}
    for number in sorted(numbers):
        new += min(number - last, widest)
        last, renamed[number] = number, new
    return renamed
