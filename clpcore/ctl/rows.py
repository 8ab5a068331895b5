"""Rows of the journal as operators and machines read them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from clpcore.ctl import words

if TYPE_CHECKING:
    from clpcore.ctl.document import Row
    from clpcore.ctl.screen import Paint


def told(row: Row) -> dict[str, object]:
    """Give the row with its remedy, for JSON."""
    return {**row, "remedy": words.remedy({"key": row["key"], "args": row["args"]})}


def line(row: Row, paint: Paint) -> str:
    """Give the row in one line: time, server, id, severity, text."""
    severity = paint.state(row["severity"], 8)
    when = paint.quiet(moment(row["wall_ms"]))
    return f"{when}  {row['server']:<8}  {row['key']:<6} {severity} {_text(row)}"


def _text(row: Row) -> str:
    """Give the sentence in the language of this terminal; the agent's text is English."""
    if words.language() == "en" or not words.knows(row["key"]):
        return words.plain(row["text"])
    return words.sentence({"key": row["key"], "args": row["args"]})


def moment(wall_ms: int) -> str:
    """Give wall-clock milliseconds as local time."""
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_ms // 1_000))
    return f"{clock}.{wall_ms % 1_000:03}"
