"""What becomes durable of each decision, and what the journal says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

from clpcore import messages
from clpcore.model.actions import Action, Left, RaiseBoot, Send
from clpcore.model.inputs import Input
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import Bye
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Decision
from clpcore.runtime import clock
from clpcore.runtime.store import boots, rows
from clpcore.runtime.store.boots import Life, Memory
from clpcore.runtime.store.database import Line
from clpcore.runtime.store.journal import Scribe
from clpcore.runtime.store.rows import Row
from clpcore.runtime.store.writer import Entry, Store
from clpcore.wire import values

Tell = Callable[[tuple[Line, ...]], None]


@attrs.frozen
class Begun:
    """What the agent starts with."""

    life: Life
    kept: Kept
    run: BootKept
    refused: tuple[Because, ...]


class Ledger:
    """Keeps the store and the file in /run in step with the core's state."""

    def __init__(self, store: Store, boot_file: Path, tell: Tell) -> None:
        """Write to *store*; *tell* gets each line as it is written."""
        self._store = store
        self._boot_file = boot_file
        self._tell = tell
        self._scribe = Scribe()
        self._life: Life | None = None
        self._early: list[tuple[Because, int]] = []

    async def begin(self, boot_id: str) -> Begun:
        """Read what outlived the last agent, and number this start: both before the first packet.

        Raises:
            NewerStoreError: this version must not touch the store.

        """
        opened = await self._store.open()
        memory = boots.read(self._boot_file)
        stored, unread_life = _read_life(opened.rows)
        kept, unread = rows.read(row for row in opened.rows if row.kind != boots.LIFE)
        life = boots.next_life(stored, memory.life if memory else None, boot_id)
        run = boots.recall(memory, life)
        self._scribe = Scribe(boot=life.boot.counter, seq=opened.last_seq)
        self._life = life
        for reason, now in self._early:
            self._write((reason,), now)
        self._early.clear()
        await self._store.commit(_entry([_life_row(life)], (), Memory(life=life, run=run)))
        refused = tuple(
            messages.because("pm503", row=f"{row.kind} {row.key}".strip(), reason=row.reason)
            for row in (*unread_life, *unread)
        )
        return Begun(life, kept, run, refused)

    def write(
        self, taken: Input, old: ClusterState, decision: Decision
    ) -> asyncio.Future[None] | None:
        """Write one decision; the future, if any, is done when what it changed is durable."""
        new = decision.state
        if (
            new.kept is old.kept
            and new.run is old.run
            and not (decision.actions or decision.because)
        ):
            return None
        changed = list(rows.changed(old.kept, new.kept))
        life, run = self._outlive(decision.actions, new.run)
        memory = None
        if life != self._life:
            changed.append(_life_row(life))
        if life != self._life or (new.run is not old.run and new.run != old.run):
            memory = Memory(life=life, run=run)
        self._life = life
        lines = self._scribe.turn(taken, decision.because, decision.actions, news=bool(changed))
        self._tell(lines)
        if not changed and memory is None:
            self._store.note(lines)
            return None
        return self._store.commit(_entry(changed, lines, memory))

    def say(self, reason: Because) -> None:
        """Write a sentence of the agent itself."""
        if self._life is None:
            self._early.append((reason, clock.now()))
        else:
            self._write((reason,), clock.now())

    def bug(self, taken: Input, text: str) -> None:
        """Write down an input that the core could not take."""
        line = self._scribe.bug(taken, text)
        self._tell((line,))
        self._store.note((line,))

    async def settled(self) -> None:
        """Wait until everything written so far is durable."""
        await self._store.commit(Entry())

    def _write(self, reasons: Iterable[Because], now: int) -> None:
        lines = self._scribe.sentences(reasons, now)
        self._tell(lines)
        self._store.note(lines)

    def _outlive(self, actions: Iterable[Action], run: BootKept) -> tuple[Life, BootKept]:
        """Give life and memory after *actions*.

        The boot must be over on disk before anybody hears good-bye: an agent that crashed right
        after it would else come back as the boot that is said to run nothing any more.
        """
        life = self._alive
        for action in actions:
            match action:
                case Left(stay=False):
                    life = attrs.evolve(life, over=True)
                    run = BootKept(suspended=run.suspended)
                case Left() | Send(letter=Bye()):
                    life = attrs.evolve(life, over=True)
                case RaiseBoot(counter):
                    life = boots.above(life, counter)
        return life, run

    @property
    def _alive(self) -> Life:
        if self._life is None:
            raise RuntimeError("nothing is decided before the ledger has begun")
        return self._life


def _life_row(life: Life) -> Row:
    return Row(boots.LIFE, "", values.to_json(life))


def _entry(changed: Iterable[Row], lines: tuple[Line, ...], memory: Memory | None) -> Entry:
    if memory is None:
        return Entry(rows=tuple(changed), lines=lines)
    run, scant = (values.to_json(each) for each in (memory, boots.scant(memory)))
    return Entry(rows=tuple(changed), lines=lines, run=run, scant=scant)


def _read_life(found: Iterable[Row]) -> tuple[Life | None, tuple[rows.Refused, ...]]:
    row = next((row for row in found if row.kind == boots.LIFE), None)
    if row is None:
        return None, ()
    try:
        return values.from_json(row.body or "", Life), ()
    except values.Unreadable as unreadable:
        return None, (rows.Refused(row.kind, row.key, str(unreadable)),)
