"""Which lines of the journal a reader wants: one rule, in SQL for the past and here for the new."""

from __future__ import annotations

import json
from typing import Final

import attrs

from clpcore.runtime.store.database import Line

SENTENCE: Final = "because"
_ASKED: Final = ("op1", "op19")  # they hold what an operator typed


@attrs.frozen(kw_only=True)
class Wanted:
    """All of what is given must hold.

    *keys*: one of these messages, None for any; *about*: a sentence with this name in it, as an
    argument or as a word of what an operator asked for; *server*: a sentence about that server;
    *since*: not older, in ms since 1970.
    """

    kinds: frozenset[str] = frozenset({SENTENCE})
    keys: frozenset[str] | None = None
    about: str = ""
    server: str = ""
    since: int = 0

    def takes(self, line: Line) -> bool:
        """Tell whether a new line is wanted."""
        return (
            line.kind in self.kinds
            and (self.keys is None or line.key in self.keys)
            and line.wall_ms >= self.since
            and (not self.about or self._is_about(line))
            and (not self.server or _server(self.server) in line.body)
        )

    def _is_about(self, line: Line) -> bool:
        asked = line.key in _ASKED and _word(self.about) in line.body.replace('"', " ")
        return asked or _quoted(self.about) in line.body

    @property
    def sql(self) -> tuple[str, tuple[object, ...]]:
        """Give the condition, and the values of its marks in order."""
        kinds = f"kind IN ({_marks(len(self.kinds))})"
        parts: list[tuple[str, tuple[object, ...]]] = [(kinds, tuple(sorted(self.kinds)))]
        if self.keys is not None:
            parts.append((f"key IN ({_marks(len(self.keys))})", tuple(sorted(self.keys))))
        if self.since:
            parts.append(("wall_ms >= ?", (self.since,)))
        if self.about:
            typed = "instr(replace(body, '\"', ' '), ?)"
            named = f"(instr(body, ?) OR key IN ({_marks(len(_ASKED))}) AND {typed})"
            parts.append((named, (_quoted(self.about), *_ASKED, _word(self.about))))
        if self.server:
            parts.append(("instr(body, ?)", (_server(self.server),)))
        where = " AND ".join(condition for condition, _ in parts)
        return where, tuple(value for _, values in parts for value in values)


SENTENCES: Final = Wanted()


def _marks(count: int) -> str:
    return ",".join("?" * count)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _word(name: str) -> str:
    return f" {_quoted(name)[1:-1]} "


def _server(name: str) -> str:
    """Give what a body holds of a sentence, or of one in it, that is about a server."""
    return f'"server":{_quoted(name)}'
