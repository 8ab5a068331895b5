"""conf.d/*.toml -> one document that knows where each of its keys stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from clpcore.config import positions
from clpcore.config.problems import Place, Problem
from clpcore.config.wording import dotted
from clpcore.model.reasons import Severity

Keys: TypeAlias = tuple[str, ...]

_WHERE: Final = (
    "A cluster's files are in /etc/clpcore/conf.d; `clp config check FOLDER` reads another."
)
_POSITION: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_AGAIN: Final = re.compile(r"Cannot (?:overwrite|declare|mutate)|Duplicate inline table key")
_OPEN: Final = ("Invalid value", "Unclosed", "Unterminated")
_REMEDIES: Final = {  # the beginning of tomllib's sentence: what an operator does about it
    "Invalid value": 'Texts stand in quotes, "node1"; numbers, true and false do not.',
    "Expected '=' after a key": "A line is: key = value, or a table's name: [group.failover1].",
    "Invalid statement": "A line is: key = value, or a table's name: [group.failover1].",
    "Unterminated string": 'Close the text with ".',
    "Illegal character": "Write it without that character; a text ends on its own line.",
}


@attrs.frozen
class Source:
    """The text of one file."""

    file: str
    text: str

    def place(self, span: positions.Span) -> Place:
        """Give the place of a span; one of several lines is cut at the end of its first."""
        start, end = span
        begin = self.text.rfind("\n", 0, start) + 1
        line = self.text[begin:].split("\n", 1)[0]
        return Place(
            file=self.file,
            line=self.text.count("\n", 0, start) + 1,
            column=start - begin + 1,
            width=max(1, min(end, begin + len(line)) - start),
            text=line,
        )

    def offset(self, line: int, column: int) -> int:
        """Give the offset of a place that counts from 1."""
        before = self.text.split("\n", line)[: line - 1]
        return sum(len(text) + 1 for text in before) + column - 1


@attrs.frozen
class Document:
    """The tables of all files, merged, and where each key was given first."""

    tables: dict[str, Any] = attrs.field(factory=dict)
    marks: dict[positions.Path, tuple[Source, positions.Mark]] = attrs.field(factory=dict)

    def at(self, path: positions.Path) -> Any:
        """Give the value there, or None."""
        value: Any = self.tables
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def place(self, path: positions.Path, *, of_value: bool = False) -> Place | None:
        """Give the place of the key (or of its value); where there is none, its table's."""
        for length in range(len(path), 0, -1):
            if found := self.marks.get(path[:length]):
                source, mark = found
                whole = of_value and length == len(path)
                return source.place(mark.value if whole and mark.value else mark.key)
        return None

    def point(self, path: positions.Path, to: positions.Path) -> None:
        """Let the place of *path*, which no file has, be that of *to*."""
        if path not in self.marks and to in self.marks:
            self.marks[path] = self.marks[to]


def read(folder: Path) -> tuple[Document | None, list[Problem]]:
    """Read every ``*.toml`` of the folder, in the order of their names.

    Tables merge across files; a key given twice is an error that names both places. No document
    comes when a file cannot be read: without a part, all the rest would look wrong.
    """
    if folder.is_file():
        what = f"{folder} is a file; a configuration is a folder, all of whose *.toml are read."
        return None, [_error(what, f"clp config check {folder.parent}")]
    try:
        files = sorted(file for file in folder.iterdir() if _is_ours(file.name))
    except OSError as error:
        return None, [_error(f"{folder} cannot be read: {error.strerror}.", _WHERE)]
    if not files:
        inside = folder / "conf.d"
        remedy = f"clp config check {inside}" if inside.is_dir() else _WHERE
        return None, [_error(f"{folder} has no file that ends in .toml.", remedy)]
    parsed = [_parse(file) for file in files]
    if unread := [each for each in parsed if isinstance(each, Problem)]:
        return None, unread
    document = Document()
    whole = (each for each in parsed if not isinstance(each, Problem))
    return document, [problem for each in whole for problem in _add(document, *each)]


def _is_ours(name: str) -> bool:
    return name.endswith(".toml") and not name.startswith(".")  # an editor's own files do


def _parse(file: Path) -> tuple[Source, dict[str, Any]] | Problem:
    try:
        source = Source(str(file), file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        return _error(f"{file} cannot be read: {error.strerror}.", "Mend the file.")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _error(f"{file} is not UTF-8 in line {line}.", "Save it as UTF-8.")
    try:
        return source, tomllib.loads(source.text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError, or what is beyond tomllib
        return _syntax(source, str(error))


def _add(document: Document, source: Source, tables: dict[str, Any]) -> list[Problem]:
    marks: dict[positions.Path, positions.Mark] = {}
    for path, mark in positions.scan(source.text):
        marks.setdefault(path, mark)
    problems = [
        _twice(path, source.place(marks[path].key), document.place(path))
        for path in _merge(document.tables, tables, ())
    ]
    for path, mark in marks.items():
        document.marks.setdefault(path, (source, mark))
    return problems


def _merge(into: dict[str, Any], tables: dict[str, Any], path: Keys) -> Iterator[Keys]:
    """Merge *tables* into *into*; give the keys that both have."""
    for name, value in tables.items():
        if name not in into:
            into[name] = value
        elif isinstance(into[name], dict) and isinstance(value, dict):
            yield from _merge(into[name], value, (*path, name))
        else:
            yield (*path, name)


def _syntax(source: Source, said: str) -> Problem:
    """Make a problem of ``tomllib``'s sentence, which ends with the place."""
    what = _POSITION.sub("", said)
    found = _POSITION.search(said)
    at_end = not found or not found[1]
    at = max(0, len(source.text.rstrip()) - 1)
    if found and found[1]:
        at = source.offset(int(found[1]), int(found[2]))
    if _AGAIN.match(what) and (twice := _again(source, at)):
        return twice
    remedies = (text for start, text in _REMEDIES.items() if what.startswith(start))
    remedy = next(remedies, "Mend the line; the language of these files is TOML.")
    if at_end and what.startswith(_OPEN):
        remedy = "Something stands open until the end of the file: a list, a table, a text."
    return _error(f"This is not TOML: {what}.", remedy, source.place((at, at + 1)))


def _again(source: Source, at: int) -> Problem | None:
    """Find the key that, in one file, was given a second time just before *at*."""
    first: dict[positions.Path, positions.Mark] = {}
    problem = None
    for path, mark in sorted(positions.scan(source.text), key=lambda item: item[1].key):
        if mark.key[0] > at:
            break
        if path in first:
            problem = _twice(path, source.place(mark.key), source.place(first[path].key))
        first.setdefault(path, mark)
    return problem


def _twice(path: positions.Path, place: Place, first: Place | None) -> Problem:
    where = f"{first.file}:{first.line}" if first else ""
    what = f"{dotted(path)} is given twice: here and at {where}."
    return _error(what, "Keep one of the two.", place, dotted(path))


def _error(what: str, remedy: str, place: Place | None = None, key: str = "") -> Problem:
    return Problem(severity=Severity.ERROR, what=what, remedy=remedy, place=place, key=key)
