"""What this server does in an apply of another one: check, hold, commit or drop."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import (
    Abandon,
    Commit,
    Committed,
    Prepare,
    Prepared,
    number_of,
)
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused, told
from clpcore.runtime.revisions.carrying import Carrier, NotCarried
from clpcore.runtime.revisions.holding import Hold, Holding

logger = logging.getLogger(__name__)


class Participant:
    """Answers Prepare, Commit and Abandon."""

    def __init__(
        self,
        here: Here,
        around: Around,
        holding: Holding,
        carrier: Carrier,
        again: Callable[[], None],
    ) -> None:
        """Hold in *holding*; *again* starts this agent anew."""
        self._here = here
        self._around = around
        self._holding = holding
        self._carrier = carrier
        self._again = again
        self._answered: dict[str, Prepared | None] = {}  # the last apply; None: being checked

    async def prepare(self, sender: str, asked: Prepare) -> None:
        """Check what *sender* wants to apply, and answer; asked again, answer once more."""
        if asked.apply in self._answered:
            if (known := self._answered[asked.apply]) is not None:
                self._around.send(sender, known)
            return
        self._answered = {asked.apply: None}
        hold = Hold(apply=asked.apply, by=asked.about.by, server=sender, since=clock.now())
        try:
            answer = await self._prepared(sender, asked, hold)
        except Refused as refused:
            answer = Prepared(apply=asked.apply, because=refused.because)
        except OSError as error:
            answer = Prepared(apply=asked.apply, because=self._sentence(told(error)))
        if asked.dry or answer.because is not None or answer.findings:
            await self._holding.drop(hold)
        hold.since = clock.now()
        if asked.apply in self._answered:
            self._answered[asked.apply] = answer
        self._around.send(sender, answer)

    async def _prepared(self, sender: str, asked: Prepare, hold: Hold) -> Prepared:
        self._check_base(asked)
        self._holding.claim(hold)
        try:
            bundle = await self._carrier.fetch(sender, asked.revision.name)
        except NotCarried as error:
            raise Refused(self._sentence(str(error))) from None
        checked = await self._holding.receive(hold, bundle)
        if checked.error:
            raise Refused(self._sentence(checked.error))
        because = messages.because("cf22", server=self._here.server) if checked.findings else None
        return Prepared(apply=asked.apply, because=because, findings=checked.findings)

    def _check_base(self, asked: Prepare) -> None:
        mine = self._holding.current.revision
        fits = asked.revision.number > mine.number if asked.insist else asked.base == mine.name
        if not fits or number_of(asked.revision.name) != asked.revision.number:
            raise Refused(
                messages.because("cf20", server=self._here.server, found=mine.name, base=asked.base)
            )

    def _sentence(self, reason: str) -> Because:
        return messages.because("cf29", server=self._here.server, reason=reason)

    async def commit(self, sender: str, asked: Commit) -> None:
        """Commit what is held for this apply; without it, heartbeats tell what is missed."""
        hold = self._holding.hold
        if hold is None or hold.apply != asked.apply or hold.server != sender:
            return
        try:
            revision = await self._holding.commit(hold)
        except (Refused, BrokenArchive, OSError) as error:
            logger.error("revision of %s was not committed: %r", sender, error)  # noqa: TRY400 - adopted later
            return
        self._around.send(sender, Committed(asked.apply))
        me = self._here.server
        known = {"server": me, "revision": revision.name, "by": hold.by, "origin": sender}
        self._here.troubles.tell(messages.because("cf2", **known))
        self._again()

    async def abandon(self, sender: str, asked: Abandon) -> None:
        """Drop what is held for this apply."""
        hold = self._holding.hold
        if hold is not None and (hold.apply, hold.server) == (asked.apply, sender):
            with contextlib.suppress(OSError):
                await self._holding.drop(hold)
