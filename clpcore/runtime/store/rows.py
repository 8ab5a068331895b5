"""What must survive a crash, as rows of the store, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from clpcore.model.ids import View
from clpcore.model.kept import ForcedStop, Intent, Kept, Maintenance, Rungs, Trouble
from clpcore.model.ownership import Record
from clpcore.wire import values

# The tables of Kept with a row for each entry, and what one entry is.
_TABLES: Final[Mapping[str, type]] = {
    "records": Record,
    "rungs": Rungs,
    "failovers": int,
    "troubles": Trouble,
    "maintenance": Maintenance,
    "intents": Intent,
}
# Those with one row, and what it is.
_SINGLES: Final[Mapping[str, Any]] = {
    "ends": tuple[int, ...],
    "view": View,
    "promised": bool,
    "stops": tuple[ForcedStop, ...],
}
_KINDS: Final[Mapping[str, Any]] = {**_TABLES, **_SINGLES}


@attrs.frozen
class Row:
    """One entry: *body* is JSON, None removes it."""

    kind: str
    key: str
    body: str | None


def changed(old: Kept, new: Kept) -> tuple[Row, ...]:
    """Give the rows that make *old* to *new*.

    Tables are compared by identity first: a step that changed nothing keeps the mapping.
    """
    if new is old:
        return ()
    rows: list[Row] = []
    for kind in _TABLES:
        before, after = getattr(old, kind), getattr(new, kind)
        if after is not before:
            rows += _changed_entries(kind, before, after)
    for kind in _SINGLES:
        value = getattr(new, kind)
        if value != getattr(old, kind):
            rows.append(Row(kind, "", values.to_json(value)))
    return tuple(rows)


def _changed_entries(
    kind: str, before: Mapping[str, object], after: Mapping[str, object]
) -> Iterable[Row]:
    for key, value in after.items():
        old = before.get(key)
        if old is not value and old != value:
            yield Row(kind, key, values.to_json(value))
    for key in before.keys() - after.keys():
        yield Row(kind, key, None)


@attrs.frozen
class Refused:
    """A row that cannot be read; it stays in the store, untouched."""

    kind: str
    key: str
    reason: str


def read(rows: Iterable[Row]) -> tuple[Kept, tuple[Refused, ...]]:
    """Give what the rows hold; one that no longer parses is left out and named."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}
    refused: list[Refused] = []
    for row in rows:
        try:
            found[row.kind][row.key] = _value(row)
        except KeyError:
            refused.append(Refused(row.kind, row.key, "this version knows no such rows"))
        except values.Unreadable as unreadable:
            refused.append(Refused(row.kind, row.key, str(unreadable)))
    fields: dict[str, Any] = {kind: found[kind] for kind in _TABLES}
    fields |= {kind: found[kind][""] for kind in _SINGLES if "" in found[kind]}
    return Kept(**fields), tuple(refused)


def _value(row: Row) -> Any:  # noqa: ANN401 - what the kind says
    value = values.from_json(row.body or "", _KINDS[row.kind])
    if isinstance(value, Record) and value.group != row.key:
        raise values.Unreadable(f"it is the record of group {value.group!r}")
    return value
