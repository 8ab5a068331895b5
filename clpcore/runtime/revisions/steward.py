"""This agent's part in the life of the configuration: what it holds, says, hears and does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from clpcore import messages
from clpcore.model import revisions as rev
from clpcore.runtime.revisions.archive import Archive, Filed
from clpcore.runtime.revisions.around import Around, Here, Refused, Tasks
from clpcore.runtime.revisions.carrying import Carrier
from clpcore.runtime.revisions.coordinator import Coordinator, Wish
from clpcore.runtime.revisions.following import Follower
from clpcore.runtime.revisions.going import Going
from clpcore.runtime.revisions.holding import Holding
from clpcore.runtime.revisions.participant import Participant
from clpcore.runtime.revisions.restarting import Restarter
from clpcore.runtime.revisions.stopping import Tell

_FAREWELL: Final = 0.2  # seconds for the last answers to be written before the agent starts again


class Steward:
    """Puts the parts together, and hands each word to the one that it is for."""

    def __init__(self, here: Here, around: Around, current: Filed) -> None:
        """Begin with ``start``; *current* is what this agent runs."""
        self.current = current.revision
        self._here = here
        self._around = around
        kept = Archive(here.root.revisions)
        holding = Holding(here, kept, current)
        self._carrier = Carrier(kept, around)
        self._holding = holding
        self._going = Going(here, around, self._again)
        parts = here, around, holding, self._carrier, self._going
        self._participant = Participant(*parts)
        self._follower = Follower(*parts, commit_held=self._participant.commit_held)
        self._restarter = Restarter(here, around, kept, holding, lambda: self.names)
        self._coordinator = Coordinator(
            here,
            around,
            holding,
            kept,
            self._restarter,
            heard=self._follower.names.values,
            going=self._going,
        )
        self._tasks = Tasks()

    def start(self, edited: str) -> None:
        """Start groups that wait for it, and tell that the working copy is *edited*, if it is."""
        if edited:
            known = {"server": self._here.server, "difference": edited}
            self._here.troubles.begin("the working copy", messages.because("cf1", **known))
        self._restarter.go()

    def close(self) -> None:
        """End whatever goes on; the next agent takes it up."""
        for part in (self._tasks, self._follower, self._restarter):
            part.close()

    @property
    def committed(self) -> str:
        """Give the name of the revision that this server has committed, as heartbeats tell it."""
        return self._holding.committed.name

    @property
    def names(self) -> Mapping[str, str]:
        """Give the names of the revisions that the servers have committed, as far as heard."""
        return {self._here.server: self.current.name, **self._follower.names}

    # -- what others say

    def heard(self, sender: str, name: str) -> None:
        """Hear the revision that a heartbeat names; one of an older version names none."""
        if name:
            self._follower.heard(sender, name)

    def take(self, sender: str, word: rev.Dispatch) -> None:
        """Take what an agent says."""
        match word:
            case rev.Prepare():
                self._tasks.start(self._participant.prepare(sender, word))
            case rev.Commit():
                self._tasks.start(self._participant.commit(sender, word))
            case rev.Abandon():
                self._tasks.start(self._participant.abandon(sender, word))
            case rev.Prepared() | rev.Noted() | rev.Committed():
                self._coordinator.take(sender, word)
            case rev.Again():
                self._going.take(sender, word)
            case rev.Note():
                self._tasks.start(self._restarter.take(sender, word))
            case rev.AskNote():
                self._tasks.start(self._restarter.give(sender, word))
            case rev.AskPart():
                self._tasks.start(self._carrier.give(sender, word))
            case rev.Part():
                self._carrier.take(sender, word)

    # -- what operators ask

    async def apply(self, wish: Wish, tell: Tell) -> dict[str, Any]:
        """Apply on all servers, or on none.

        Raises:
            Refused: nothing was changed.

        """
        return await self._coordinator.apply(wish, tell)

    async def adopt(self, server: str, by: str) -> dict[str, Any]:
        """Take over the revision of another server.

        Raises:
            Refused: it cannot be.

        """
        name = self._follower.names.get(server)
        mine = self.current
        if name is None:
            raise Refused(messages.because("cf23", server=server))
        if name == mine.name:
            return {"same": True, "revision": name}
        if rev.number_of(name) < mine.number:
            raise Refused(
                messages.because(
                    "cf33", server=self._here.server, peer=server, mine=mine.name, theirs=name
                )
            )
        await self._follower.adopt(server, name, by=by)
        return {"same": False, "revision": name}

    def _again(self) -> None:
        asyncio.get_running_loop().call_later(_FAREWELL, self._around.again)
