"""The record of what was heard, decided and done: lines for the store, and their readers."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model import actions as act
from clpcore.model import arbitration
from clpcore.model import inputs as given
from clpcore.model.reasons import Because
from clpcore.runtime import clock
from clpcore.runtime.store.database import LINE_COLUMNS, Line
from clpcore.runtime.store.wanted import SENTENCE, SENTENCES, Wanted
from clpcore.wire import values

# Heartbeats and ticks are too many, and what they change is told by the sentences beside them.
_UNTOLD_INPUTS: Final = (given.Tick, given.HeardBeat)
# Looks, letters and renewals likewise; what is told here changes the world.
_TOLD_ACTIONS: Final = (
    act.Activate,
    act.Deactivate,
    act.Fence,
    act.Kill,
    act.Answer,
    act.StopSelf,
    act.Left,
    act.RaiseBoot,
)
_TOLD_QUESTIONS: Final = (
    arbitration.Claim,
    arbitration.Amend,
    arbitration.Release,
    arbitration.Disclaim,
)
_LONGEST_BODY: Final = 8_192


@attrs.define
class Scribe:
    """Makes lines in one life of the agent, numbered on from *seq*."""

    boot: int = 0
    seq: int = 0
    _asked: dict[str, str] = attrs.field(factory=dict, init=False)  # request -> its command

    def sentences(self, reasons: Iterable[Because], now: int) -> tuple[Line, ...]:
        """Give a line for each sentence."""
        told = [(reason.key, _dump(messages.plain(reason)["args"])) for reason in reasons]
        return tuple(self._line(SENTENCE, key, body, now) for key, body in told)

    def turn(
        self,
        taken: given.Input,
        reasons: Iterable[Because],
        actions: Iterable[act.Action],
        *,
        news: bool,
    ) -> tuple[Line, ...]:
        """Give the lines of one step. *news*: it changed something durable."""
        reasons = tuple(reasons)
        self._note(taken, reasons)
        told = [action for action in actions if _is_told(action)]
        lines: list[Line] = []
        if (reasons or told or news) and not isinstance(taken, _UNTOLD_INPUTS):
            lines.append(self._value("input", taken, taken.now))
        lines += self.sentences([*reasons, *self._refusals(told)], taken.now)
        lines += [self._value("action", action, taken.now) for action in told]
        return tuple(lines)

    def bug(self, taken: given.Input, text: str) -> Line:
        """Give the line of an input that the core could not take."""
        body = _dump({"error": text, "input": values.to_json(taken)[:_LONGEST_BODY]})
        return self._line("state", "step raised", body, taken.now)

    def _note(self, taken: given.Input, reasons: Iterable[Because]) -> None:
        """Remember what was asked for, as op1 spells it, until it is answered."""
        if isinstance(taken, given.Asked):
            spelled = (str(dict(reason.args)["op"]) for reason in reasons if reason.key == "op1")
            self._asked[taken.request.id] = next(spelled, "")

    def _refusals(self, told: Iterable[act.Action]) -> Iterator[Because]:
        """Give a sentence for each request that is refused: operators look for it later."""
        for action in told:
            if not isinstance(action, act.Answer):
                continue
            op = self._asked.pop(action.request, "")
            for reason in () if action.ok else action.because:
                yield messages.because("op19", op=op, reason=reason) if op else reason

    def _value(self, kind: str, value: given.Input | act.Action, now: int) -> Line:
        body = values.to_json(value)
        if len(body) > _LONGEST_BODY:
            body = _dump({"cut": body[:_LONGEST_BODY]})
        return self._line(kind, type(value).__name__, body, now)

    def _line(self, kind: str, key: str, body: str, now: int) -> Line:
        self.seq += 1
        return Line(
            seq=self.seq,
            wall_ms=clock.wall(),
            now_ms=now,
            boot=self.boot,
            kind=kind,
            key=key,
            body=body,
        )


def _is_told(action: act.Action) -> bool:
    asks = isinstance(action, act.Arbitrate) and isinstance(action.ask, _TOLD_QUESTIONS)
    return asks or isinstance(action, _TOLD_ACTIONS)


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shown(line: Line, server: str) -> dict[str, Any]:
    """Give a line of *server* as the control socket shows it."""
    body = json.loads(line.body)
    document = {
        "seq": line.seq,
        "wall_ms": line.wall_ms,
        "now_ms": line.now_ms,
        "boot": line.boot,
        "server": server,
        "kind": line.kind,
        "key": line.key,
        "args": body,
    }
    if line.kind != SENTENCE:
        return document
    reason = messages.from_plain({"key": line.key, "args": body})
    known = messages.entries().get(line.key)
    severity = known.severity.value if known else "info"
    return {**document, "severity": severity, "text": messages.render(reason)}


def before_last(store: Path, *, count: int, wanted: Wanted = SENTENCES) -> int:
    """Give the number after which the last *count* wanted lines begin.

    This and what follows block, so they are not for the loop. They read through connections of
    their own, so that no commit waits for a long answer.

    Raises:
        sqlite3.Error: the store cannot be read.

    """
    where, values = wanted.sql
    query = f"SELECT seq FROM journal WHERE {where} ORDER BY seq DESC LIMIT 1 OFFSET ?"  # noqa: S608 - our own words
    with _reading(store) as sql:
        row = sql.execute(query, (*values, count)).fetchone()
    return int(row[0]) if row else 0


def page(store: Path, *, after: int, wanted: Wanted = SENTENCES, limit: int = 500) -> list[Line]:
    """Read the wanted lines that come after number *after*, oldest first."""
    where, values = wanted.sql
    return _read(store, f"{where} AND seq > ? ORDER BY seq LIMIT ?", (*values, after, limit))


def newest(store: Path) -> int:
    """Give the number of the last line, 0 without any."""
    with _reading(store) as sql:
        (seq,) = sql.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
    return int(seq)


def told_at(store: Path, seq: int) -> int | None:
    """Give when line *seq* was written, in ms since 1970; None when it is not there."""
    with _reading(store) as sql:
        row = sql.execute("SELECT wall_ms FROM journal WHERE seq = ?", (seq,)).fetchone()
    return int(row[0]) if row else None


def count(store: Path, *, after: int, upto: int, wanted: Wanted = SENTENCES) -> int:
    """Count the wanted lines that come after one number, up to another."""
    where, values = wanted.sql
    query = f"SELECT count(*) FROM journal WHERE {where} AND seq > ? AND seq <= ?"  # noqa: S608 - our own words
    with _reading(store) as sql:
        (found,) = sql.execute(query, (*values, after, upto)).fetchone()
    return int(found)


def lines_about(store: Path, name: str, *, count: int) -> list[Line]:
    """Read the newest *count* sentences that name *name*, oldest first."""
    where, values = Wanted(about=name).sql
    return _read(store, f"{where} ORDER BY seq DESC LIMIT ?", (*values, count))[::-1]


def _read(store: Path, where: str, values: Sequence[object]) -> list[Line]:
    query = f"SELECT {', '.join(LINE_COLUMNS)} FROM journal WHERE {where}"  # noqa: S608 - our own words
    with _reading(store) as sql:
        rows = sql.execute(query, values).fetchall()
    return [Line(**dict(zip(LINE_COLUMNS, row, strict=True))) for row in rows]


def _reading(store: Path) -> contextlib.closing[sqlite3.Connection]:
    uri = f"{store.absolute().as_uri()}?mode=ro"
    return contextlib.closing(sqlite3.connect(uri, uri=True, timeout=1.0))
