"""Starts again the groups that were stopped for an apply, whatever became of the apply.

Every server that takes part has noted them. The coordinator starts them: after its commit, or when
it gives up. While it is gone, the first of the others does, and whoever finds that a group was
started since, by whomever, leaves it: its epoch is higher than the noted one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any, Final

from clpcore.model.revisions import AskNote, Note, Noted, Waiting, number_of
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import Archive
from clpcore.runtime.revisions.around import Around, Here, Tasks
from clpcore.runtime.revisions.holding import Holding
from clpcore.runtime.revisions.noting import Notes
from clpcore.runtime.revisions.starting import Names, Start

_LOOK_EVERY: Final = 0.5  # seconds
_ASK_EVERY: Final = 2_000  # ms between two questions to a coordinator
_THERE: Final = frozenset({"Online", "Online Pending", "Offline Pending"})


class Restarter:
    """Holds the notes, and sees to them."""

    def __init__(
        self, here: Here, around: Around, kept: Archive, holding: Holding, names: Names
    ) -> None:
        """Take *names*, which gives the revision of each server."""
        self._here = here
        self._around = around
        self._holding = holding
        self._names = names
        self._notes = Notes(kept.restart)
        self._tasks = Tasks()
        self._looking = False
        self._starts: dict[tuple[str, str], Start] = {}
        self._missing: dict[str, int] = {}  # since when a coordinator is not there
        self._asked: dict[str, int] = {}  # when, by apply

    # -- noting

    async def note(self, note: Note) -> None:
        """Note what this server is about to stop; it is started again after ``go``.

        Raises:
            OSError: it cannot be written.

        """
        await self._notes.put(note)

    async def take(self, sender: str, note: Note) -> None:
        """Note what the coordinator *sender* says, or forget it; answer when it is on disk."""
        if note.coordinator != sender:
            return
        if not note.waiting:
            await self._end(note.apply)
            return
        await self._notes.put(note)
        self._around.send(sender, Noted(note.apply))
        self.go()

    async def give(self, sender: str, asked: AskNote) -> None:
        """Say what still waits of an apply of this server."""
        await self._notes.load()
        note = self._notes.get(asked.apply)
        self._around.send(sender, note or Note(apply=asked.apply, coordinator=self._here.server))

    def go(self) -> None:
        """See to all that is noted, beside everything else and as soon as no change goes on."""
        if not self._looking:
            self._looking = True
            self._tasks.start(self._see_to_all())

    def close(self) -> None:
        """Leave what waits to the next agent."""
        self._tasks.close()

    # -- seeing to it

    async def _see_to_all(self) -> None:
        try:
            await self._notes.load()
            while self._notes.all:
                status = self._around.status()
                for note in self._notes.all:
                    await self._see_to(note, status)
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            self._looking = False

    async def _see_to(self, note: Note, status: Mapping[str, Any]) -> None:
        if self._is_led(note, status):
            self._ask(note)
        elif await self._may_start(status) and self._is_mine(note, status):
            self._start(note, status)
            if all(start.ended for start in self._of(note)):
                await self._end(note.apply)

    def _is_led(self, note: Note, status: Mapping[str, Any]) -> bool:
        """Tell whether another server, whose apply it was, sees to it."""
        return note.coordinator != self._here.server and not self._is_gone(note.coordinator, status)

    def _is_gone(self, server: str, status: Mapping[str, Any]) -> bool:
        """Tell whether it is away for longer than an agent needs to start again."""
        states = {each["name"]: each["state"] for each in status["servers"]}
        if states.get(server) in _THERE:
            self._missing.pop(server, None)
            return False
        since = self._missing.setdefault(server, clock.now())
        return clock.now() - since > self._here.lately

    def _ask(self, note: Note) -> None:
        if clock.now() - self._asked.get(note.apply, -_ASK_EVERY) >= _ASK_EVERY:
            self._asked[note.apply] = clock.now()
            self._around.send(note.coordinator, AskNote(note.apply))

    async def _may_start(self, status: Mapping[str, Any]) -> bool:
        """Tell whether no change goes on here; one whose server is gone is given up first.

        What it has had checked would else be committed, as soon as anybody names it, under groups
        that run again.
        """
        hold = self._holding.hold
        if hold is None or self._holding.done:
            return hold is None
        if hold.server != self._here.server and self._is_gone(hold.server, status):
            with contextlib.suppress(OSError):
                await self._holding.drop(hold)
        return self._holding.hold is None

    def _is_mine(self, note: Note, status: Mapping[str, Any]) -> bool:
        """Tell whether this server is the one: the coordinator, else who is longest in."""
        names, me = self._names(), self._here.server
        online = [
            (-number_of(names.get(each["name"], "")), each["join"], each["name"])
            for each in status["servers"]
            if each["name"] in note.holders and each["state"] == "Online"
        ]
        if note.coordinator == me:
            return any(name == me for _, _, name in online)
        return min(online, default=(0, 0, ""))[2] == me

    def _start(self, note: Note, status: Mapping[str, Any]) -> None:
        """Take each group a step further, side by side: one may have to wait for another."""
        for waiting in note.waiting:
            key = note.apply, waiting.group
            if key not in self._starts:
                self._starts[key] = self._new(waiting)
            self._starts[key].step(status)

    def _new(self, waiting: Waiting) -> Start:
        return Start(waiting, self._here, self._around, self._tasks, self._names)

    def _of(self, note: Note) -> list[Start]:
        return [start for (apply, _), start in self._starts.items() if apply == note.apply]

    async def _end(self, apply: str) -> None:
        await self._notes.drop(apply)
        self._starts = {key: each for key, each in self._starts.items() if key[0] != apply}
