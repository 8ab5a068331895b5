"""Tables of TOML with a comment at each value, as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import attrs

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN: Final = 40  # where comments begin, as in our examples


@attrs.define
class Table:
    """One table; *notes* stand above it."""

    path: tuple[str, ...]
    notes: list[str] = attrs.field(factory=list)
    _lines: list[tuple[str, str]] = attrs.field(factory=list)

    def put(self, key: str, value: Any, why: str = "") -> None:
        """Add a line; *key* is written as it is given."""
        self._lines.append((f"{key} = {written(value)}", why))

    def note(self, text: str) -> None:
        """Add a line that is only a comment."""
        self._lines.append(("", text))

    @property
    def is_empty(self) -> bool:
        """Tell whether it says nothing."""
        return not self._lines

    def render(self) -> Iterator[str]:
        """Give its lines."""
        yield from (comment(note) for note in self.notes)
        yield f"[{'.'.join(map(quoted, self.path))}]"
        for line, why in self._lines:
            yield f"{line:<{_COLUMN}}{comment(why)}".strip() if why else line


def render(head: Iterable[str], tables: Iterable[Table]) -> str:
    """Give the text of a file."""
    parts = ["\n".join(comment(line) for line in head)]
    parts += ["\n".join(table.render()) for table in tables]
    return "\n\n".join(parts) + "\n"


def comment(text: str) -> str:
    """Give one line of comment; what a file must not hold becomes a blank."""
    return f"# {''.join(char if char.isprintable() else ' ' for char in text)}"


def quoted(name: str) -> str:
    """Give a part of a key."""
    return name if _BARE.fullmatch(name) else _text(name)


def written(value: Any) -> str:
    """Give a value in whole."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    return str(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
