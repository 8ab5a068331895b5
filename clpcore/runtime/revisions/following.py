"""Hears which revisions the others have committed: takes over a newer one, and tells of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import number_of
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused, Tasks, told
from clpcore.runtime.revisions.carrying import Carrier, NotCarried
from clpcore.runtime.revisions.checking import Checked
from clpcore.runtime.revisions.holding import Hold, Holding

_AGAIN: Final = 2_000  # ms between two tries to adopt


class Follower:
    """Follows what the heartbeats of the others say."""

    def __init__(
        self,
        here: Here,
        around: Around,
        holding: Holding,
        carrier: Carrier,
        again: Callable[[], None],
    ) -> None:
        """Hold in *holding*; *again* starts this agent anew."""
        self.names: dict[str, str] = {}
        self._here = here
        self._around = around
        self._holding = holding
        self._carrier = carrier
        self._again = again
        self._tasks = Tasks()
        self._next_try = 0
        self._busy = False

    def close(self) -> None:
        """Adopt nothing any more."""
        self._tasks.close()

    def heard(self, sender: str, name: str) -> None:
        """Hear the name of the revision that *sender* has committed; cheap, at every heartbeat."""
        if self.names.get(sender) != name:
            self.names[sender] = name
            self._compare(sender, name)
        mine = self._holding.current.revision
        if number_of(name) > mine.number and not self._busy and not self._holding.done:
            self._adopt_later(sender, name)

    def _compare(self, sender: str, name: str) -> None:
        mine, me = self._holding.current.revision, self._here.server
        what = f"the revision of {sender}"
        if number_of(name) == mine.number and name != mine.name:
            split = messages.because("cf6", server=me, peer=sender, mine=mine.name, theirs=name)
            self._here.troubles.begin(what, split)
        else:
            self._here.troubles.end(what, messages.because("cf7", server=me, peer=sender))

    def _adopt_later(self, sender: str, name: str) -> None:
        if (now := clock.now()) >= self._next_try:
            self._next_try, self._busy = now + _AGAIN, True
            self._tasks.start(self._try(sender, name))

    async def _try(self, sender: str, name: str) -> None:
        try:
            await self.adopt(sender, name, by="")
        except Refused as refused:
            if refused.because.key != "cf21":  # an apply goes on: it ends by itself
                self._here.troubles.begin("adopting", refused.because)
        finally:
            self._busy = False

    async def adopt(self, sender: str, name: str, *, by: str) -> None:
        """Take over that revision of *sender*.

        Raises:
            Refused: it cannot be used here, or not now.

        """
        prepared = self._holding.hold
        if prepared and prepared.revision and prepared.revision.name == name:
            await self._commit(prepared, sender)  # its Commit was lost, or the sender died over it
            return
        now, me = clock.now(), self._here.server
        hold = self._holding.claim(Hold(apply=f"{me}-{now}", by=by, server=me, since=now))
        try:
            bundle = await self._carrier.fetch(sender, name)
            checked = await self._holding.receive(hold, bundle)
            self._must_fit(sender, name, checked)
            await self._commit(hold, sender)
        except NotCarried as error:
            raise Refused(self._because(sender, name, str(error))) from None
        except OSError as error:
            raise Refused(self._because(sender, name, told(error))) from error
        finally:
            await self._holding.drop(hold)

    def _must_fit(self, sender: str, name: str, checked: Checked) -> None:
        wrong = [checked.error, *(f"{each.key}: {each.what}" for each in checked.findings)]
        if found := [text for text in wrong if text]:
            raise Refused(
                self._because(sender, name, " ".join(found)),
                {self._here.server: (None, checked.findings)},
            )
        held = _served(self._around.status(), self._here.server)
        for group in (*checked.restart, *checked.stop):
            if group in held:
                raise Refused(
                    messages.because(
                        "cf8", server=self._here.server, revision=name, peer=sender, group=group
                    )
                )

    def _because(self, sender: str, name: str, reason: str) -> Because:
        return messages.because(
            "cf4", server=self._here.server, revision=name, peer=sender, reason=reason
        )

    async def _commit(self, hold: Hold, sender: str) -> None:
        try:
            revision = await self._holding.commit(hold)
        except (BrokenArchive, OSError) as error:
            name = hold.revision.name if hold.revision else ""
            raise Refused(self._because(sender, name, str(error))) from error
        self._here.troubles.tell(
            messages.because("cf3", server=self._here.server, revision=revision.name, peer=sender)
        )
        self._again()


def _served(status: Mapping[str, Any], server: str) -> frozenset[str]:
    """Give the groups that are, or may be, active on *server*."""
    return frozenset(
        group["name"]
        for group in status["groups"]
        if group["servers"].get(server, {}).get("state", "Offline") != "Offline"
    )
