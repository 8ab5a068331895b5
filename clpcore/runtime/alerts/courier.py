"""One alert's way through the journal, in a thread of its own: nobody waits for a dead server."""

from __future__ import annotations

import logging
import sqlite3
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import attrs

from clpcore import messages
from clpcore.model.alerts import Alert
from clpcore.model.reasons import Because
from clpcore.runtime.alerts import choice, message
from clpcore.runtime.alerts.cursor import Cursor
from clpcore.runtime.alerts.errors import Refused, Unsent
from clpcore.runtime.alerts.message import Message, Origin
from clpcore.runtime.alerts.senders import Sender
from clpcore.runtime.store import journal
from clpcore.runtime.store.database import Line

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 1_000  # messages; older ones are given up, and counted
TRIES: Final = 3  # of messages that are refused
_AGAIN_FIRST, _AGAIN_MOST = 1.0, 60.0  # seconds


class Teller(Protocol):
    """Who tells operators how an alert fares: the agent."""

    def begin(self, what: str, because: Because, /) -> None:
        """Say that something is in trouble."""
        ...

    def end(self, what: str, because: Because, /) -> None:
        """Say that it is over."""
        ...

    def tell(self, because: Because, /) -> None:
        """Say something that needs no end."""
        ...


@attrs.frozen(kw_only=True)
class Errand:
    """What one courier has to do."""

    alert: Alert
    sender: Sender
    store: Path
    cursor: Cursor
    origin: Origin


class Courier(threading.Thread):
    """Sends what the journal gets; ``ring`` says that it got something."""

    def __init__(self, errand: Errand, teller: Teller) -> None:
        super().__init__(name=errand.alert.name, daemon=True)
        self._errand = errand
        self._teller = teller
        self._wanted = choice.wanted(errand.alert)
        self._what = f"Alert {errand.alert.name}"
        self._bell = threading.Event()
        self._ending = threading.Event()
        self._file = 0  # the journal's inode
        self._seen = 0  # no line up to here is to be sent any more
        self._spoilt = 0  # the last line that no message could be made of
        self._alone = 0  # up to here lines are sent one by one
        self._refused = 0  # tries of the first messages that wait
        self._troubled = False
        self._again = _AGAIN_FIRST

    def ring(self) -> None:
        """Say that there may be news; any thread may."""
        self._bell.set()

    def finish(self) -> None:
        """Let it end once nothing waits that can be sent."""
        self._ending.set()
        self._bell.set()

    def run(self) -> None:
        """Send until there is nothing more, ever."""
        while True:
            self._bell.clear()
            try:
                lines = self._read()
                done = not lines or self._send(lines)
            except (sqlite3.Error, OSError) as error:
                logger.warning("%s: the journal or its mark: %s", self._what, error)
                lines, done = [], False
            if self._ending.is_set() and (not lines or not done):
                return
            if not done:
                self._ending.wait(self._again)
                self._again = min(2 * self._again, _AGAIN_MOST)
            elif not lines:
                self._bell.wait()

    def _read(self) -> list[Line]:
        """Give the lines that are next."""
        store, limit = self._errand.store, self._errand.sender.at_once
        file = store.stat().st_ino
        if file != self._file:
            self._seen, self._file = self._errand.cursor.place(store), file
            self._spoilt = self._alone = 0
        if self._seen < self._alone:
            limit = 1
        end = journal.newest(store)
        lines = journal.page(store, after=self._seen, wanted=self._wanted, limit=limit)
        if not lines:
            self._seen = max(self._seen, end)
        return lines

    def _send(self, lines: Sequence[Line]) -> bool:
        """Send; False when it must be tried again, later."""
        if self._errand.sender.gather and not self._ending.wait(self._errand.sender.gather):
            lines = self._read() or lines
        told = self._made(lines)
        try:
            if told:
                self._errand.sender.send(told)
                self._recover()
        except Unsent as why:
            self._fail(str(why))
            self._shed(str(why))
            return False
        except Refused as why:
            return self._refuse(lines, len(told), str(why))
        except Exception as error:  # noqa: BLE001 - one message must not keep all others from leaving
            if len(told) > 1:
                self._alone = lines[-1].seq  # one of them is to blame: each for itself, then
                return True
            return self._refuse(lines, 1, _where(error))
        self._pass(lines[-1], sent=len(told), given_up=len(lines) - len(told))
        return True

    def _made(self, lines: Sequence[Line]) -> list[Message]:
        """Give the messages; a line that none can be made of is given up, and told once."""
        language = self._errand.alert.language.value
        told = []
        for line in lines:
            try:
                told.append(message.of_line(line, self._errand.origin, language))
            except Exception as error:  # noqa: BLE001 - of another version, perhaps, or damaged
                if line.seq > self._spoilt:
                    self._spoilt = line.seq
                    why = f"line {line.seq} of the journal is no message: {_where(error)}"
                    self._give_up(1, why)
        return told

    def _refuse(self, lines: Sequence[Line], count: int, why: str) -> bool:
        """Give *count* messages of *lines* up, unless they can be tried again."""
        self._refused += 1
        self._fail(why)
        if self._refused < TRIES:
            return False
        self._give_up(count, why)
        self._pass(lines[-1], given_up=len(lines))
        return True

    def _pass(self, line: Line, *, sent: int = 0, given_up: int = 0) -> None:
        self._refused = 0
        self._again = _AGAIN_FIRST
        self._seen = line.seq
        self._errand.cursor.pass_by(line, sent=sent, given_up=given_up)

    def _shed(self, why: str) -> None:
        """Give up the oldest of too many that wait."""
        store = self._errand.store
        floor = journal.before_last(store, count=MOST_WAITING, wanted=self._wanted)
        if floor > self._seen:
            lost = journal.count(store, after=self._seen, upto=floor, wanted=self._wanted)
            self._give_up(lost, why)
            lines = journal.page(store, after=floor - 1, wanted=self._wanted, limit=1)
            self._pass(lines[0], given_up=lost)

    # -- how it fares

    def _give_up(self, count: int, why: str) -> None:
        name = self._errand.alert.name
        self._teller.tell(messages.because("pm524", alert=name, count=count, reason=why))

    def _fail(self, why: str) -> None:
        self._troubled = True
        name = self._errand.alert.name
        self._teller.begin(self._what, messages.because("pm522", alert=name, reason=why))

    def _recover(self) -> None:
        if self._troubled:
            self._troubled = False
            name = self._errand.alert.name
            self._teller.end(self._what, messages.because("pm523", alert=name))


def _where(error: Exception) -> str:
    """Give what went wrong and where; its own words may hold a secret of the sender."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
