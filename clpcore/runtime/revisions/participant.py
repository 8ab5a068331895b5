"""What this server does in an apply of another one: check, hold, commit or drop."""

from __future__ import annotations

import contextlib

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import Abandon, Commit, Committed, Prepare, Prepared, number_of
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused, told
from clpcore.runtime.revisions.carrying import Carrier, NotCarried
from clpcore.runtime.revisions.going import Going
from clpcore.runtime.revisions.holding import Hold, Holding


class Participant:
    """Answers Prepare, Commit and Abandon."""

    def __init__(
        self, here: Here, around: Around, holding: Holding, carrier: Carrier, going: Going
    ) -> None:
        self._here = here
        self._around = around
        self._holding = holding
        self._carrier = carrier
        self._going = going
        self._answered: dict[str, Prepared | None] = {}  # the last apply; None: being checked
        self._committing = ""  # the apply

    async def prepare(self, sender: str, asked: Prepare) -> None:
        """Check what *sender* wants to apply, and answer; asked again, answer once more."""
        if self._knows(sender, asked):
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

    def _knows(self, sender: str, asked: Prepare) -> bool:
        """Say again what was answered, if it is still so: a hold may have given way meanwhile."""
        if asked.apply not in self._answered:
            return False
        known, hold = self._answered[asked.apply], self._holding.hold
        if known is None:
            return True
        if not (asked.dry or known.because or known.findings):
            if hold is None or hold.apply != asked.apply:
                return False
            hold.since = clock.now()
        self._around.send(sender, known)
        return True

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
        mine = self._holding.committed
        fits = asked.revision.number > mine.number if asked.insist else asked.base == mine.name
        if not fits or number_of(asked.revision.name) != asked.revision.number:
            raise Refused(
                messages.because("cf20", server=self._here.server, found=mine.name, base=asked.base)
            )

    def _sentence(self, reason: str) -> Because:
        return messages.because("cf29", server=self._here.server, reason=reason)

    async def commit(self, sender: str, asked: Commit) -> None:
        """Commit what is held for this apply, and say how that went; asked again, say it again."""
        hold, because = self._holding.hold, None
        if asked.apply == self._committing:
            return
        if asked.revision != self._holding.committed.name:
            if hold is None or (hold.apply, hold.server) != (asked.apply, sender):
                because = self._failed(asked.revision, "it does not hold it any more")
            else:
                with contextlib.suppress(Refused):  # which it was told
                    await self.commit_held(hold)
                return
        self._around.send(sender, Committed(asked.apply, because))

    async def commit_held(self, hold: Hold) -> None:
        """Commit what was checked for an apply; tell its coordinator and, if not, why not.

        Also without its word: a server that names the revision proves that it was given.

        Raises:
            Refused: it cannot be; it may be tried again.

        """
        if self._committing or self._holding.done:
            return
        me, name = self._here.server, hold.revision.name if hold.revision else ""
        self._committing = hold.apply
        try:
            revision = await self._holding.commit(hold)
        except (BrokenArchive, OSError) as error:
            because = self._failed(name, told(error) if isinstance(error, OSError) else str(error))
            self._around.send(hold.server, Committed(hold.apply, because))
            raise Refused(because) from error
        finally:
            self._committing = ""
        self._around.send(hold.server, Committed(hold.apply))
        known = {"server": me, "revision": revision.name, "by": hold.by, "origin": hold.server}
        self._here.troubles.tell(messages.because("cf2", **known))
        await self._going.with_others(hold)

    def _failed(self, revision: str, reason: str) -> Because:
        return messages.because("cf36", server=self._here.server, revision=revision, reason=reason)

    async def abandon(self, sender: str, asked: Abandon) -> None:
        """Drop what is held for this apply."""
        hold = self._holding.hold
        if hold is not None and (hold.apply, hold.server) == (asked.apply, sender):
            with contextlib.suppress(OSError):
                await self._holding.drop(hold)
