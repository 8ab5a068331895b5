"""Where every key of a TOML text stands; what it says is ``tomllib``'s business.

``tomllib`` gives no position of a valid key. The scanner knows only where things begin and end, so
the text must be one that ``tomllib`` accepts; of any other it gives what stands before the first
place that it cannot follow.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from typing import Final, TypeAlias

import attrs

Path: TypeAlias = tuple[str | int, ...]  # keys, and indices of array elements
Span: TypeAlias = tuple[int, int]  # offsets into the text

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY: Final = re.compile(
    r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""",
)
_SCALAR: Final = re.compile(
    r'''
      """ (?: [^"\\] | \\. | "{1,2}(?!") )* "{3,5}
    | \'\'\' (?: [^'] | '{1,2}(?!') )* '{3,5}
    | " (?: [^"\\\n] | \\. )* "
    | ' [^'\n]* '
    | \d{4}-\d\d-\d\d[ ]\d\d: [^,\]}\s\#]+  # a date and a time may be parted by a space
    | [^,\[\]{}\s\#"']+
    ''',
    re.VERBOSE | re.DOTALL,
)


@attrs.frozen
class Mark:
    """Where a key stands, and its value; a table's header and an array's element have no other."""

    key: Span
    value: Span | None = None


def scan(text: str) -> list[tuple[Path, Mark]]:
    """Give every key and array element with its place; a table comes each time it is mentioned.

    Line ends must be bare newlines, as ``tomllib`` makes them.
    """
    scanner = _Scanner(text)
    with contextlib.suppress(_Lost):
        scanner.document()
    return scanner.found


class _Lost(Exception):
    """The text goes on in a way that the scanner cannot follow."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[tuple[Path, Mark]] = []
        self.elements: dict[Path, int] = {}  # the last index of each array of tables

    def document(self) -> None:
        table: Path = ()
        while not self._blank_until_end():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        opening = "[[" if self.text.startswith("[[", self.at) else "["
        self.at += len(opening)
        parts = self._key()
        self._take("]" * len(opening))
        table: Path = ()
        for number, (name, span) in enumerate(parts, start=1):
            table = (*table, name)
            self.found.append((table, Mark(span)))
            if opening == "[[" and number == len(parts):
                self.elements[table] = self.elements.get(table, -1) + 1
                self.found.append(((*table, self.elements[table]), Mark(span)))
            if table in self.elements:
                table = (*table, self.elements[table])
        return table

    def _pair(self, table: Path) -> None:
        parts = self._key()
        for name, span in parts[:-1]:
            table = (*table, name)
            self.found.append((table, Mark(span)))
        self._take("=")
        self._skip(_BLANK)
        name, span = parts[-1]
        path = (*table, name)
        self.found.append((path, Mark(span, self._value(path))))

    def _value(self, path: Path) -> Span:
        start = self.at
        if self._sees("["):
            self._array(path)
        elif self._sees("{"):
            self._inline_table(path)
        else:
            self._skip(_SCALAR)
        return start, self.at

    def _array(self, path: Path) -> None:
        self._take("[")
        index = 0
        while not self._closes("]"):
            element = (*path, index)
            span = self._value(element)
            self.found.append((element, Mark(span, span)))
            index += 1
            self._part()

    def _inline_table(self, path: Path) -> None:
        self._take("{")
        while not self._closes("}"):
            self._pair(path)
            self._part()

    def _key(self) -> list[tuple[str, Span]]:
        parts = []
        while True:
            match = self._skip(_KEY)
            parts.append((_plain(match[1]), match.span(1)))
            if not self._sees("."):
                return parts
            self.at += 1

    def _blank_until_end(self) -> bool:
        self._skip(_BLANK)
        return self.at == len(self.text)

    def _closes(self, bracket: str) -> bool:
        self._skip(_BLANK)
        if self._sees(bracket):
            self.at += 1
            return True
        return False

    def _part(self) -> None:
        self._skip(_BLANK)
        if self._sees(","):
            self.at += 1

    def _sees(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def _take(self, mark: str) -> None:
        if not self._sees(mark):
            raise _Lost
        self.at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Lost
        self.at = match.end()
        return match


def _plain(key: str) -> str:
    """Give the name that a key stands for, which ``tomllib`` knows best."""
    if key[0] not in "\"'":
        return key
    try:
        return next(iter(tomllib.loads(f"{key} = 0")))
    except tomllib.TOMLDecodeError:
        raise _Lost from None
