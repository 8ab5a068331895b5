"""Hears which revisions the others have committed: takes over a newer one, and tells of a split."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import number_of
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused, Tasks, told
from clpcore.runtime.revisions.carrying import Carrier, NotCarried
from clpcore.runtime.revisions.checking import Checked
from clpcore.runtime.revisions.going import Going
from clpcore.runtime.revisions.holding import Hold, Holding

_SOONEST: Final = 2_000  # ms between two tries to adopt, and two looks at what is in the way
_LATEST: Final = 60_000  # ms: each try that fails doubles the time to the next one


@attrs.define
class Tries:
    """How often one revision was tried, and when it will be again.

    *in_the_way*: groups that kept it from being adopted; while they do, it need not be fetched.
    """

    name: str = ""
    pause: int = 0
    at: int = 0
    in_the_way: tuple[str, ...] = ()


class Follower:
    """Follows what the heartbeats of the others say."""

    def __init__(
        self,
        here: Here,
        around: Around,
        holding: Holding,
        carrier: Carrier,
        going: Going,
        *,
        commit_held: Callable[[Hold], Awaitable[None]],
    ) -> None:
        """Hold in *holding*; *commit_held* commits what an apply has had checked here."""
        self.names: dict[str, str] = {}
        self._here = here
        self._around = around
        self._holding = holding
        self._carrier = carrier
        self._going = going
        self._commit_held = commit_held
        self._tasks = Tasks()
        self._tries = Tries()
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
        mine, me = self._holding.committed, self._here.server
        what = f"the revision of {sender}"
        if number_of(name) == mine.number and name != mine.name:
            split = messages.because("cf6", server=me, peer=sender, mine=mine.name, theirs=name)
            self._here.troubles.begin(what, split)
        else:
            self._here.troubles.end(what, messages.because("cf7", server=me, peer=sender))

    def _adopt_later(self, sender: str, name: str) -> None:
        """Try now, unless it was tried lately or cannot succeed; our own changes end this agent."""
        if self._tries.name != name:
            self._tries = Tries(name)
        now, tries = clock.now(), self._tries
        if now < tries.at or sender not in self._around.connected:
            return
        tries.at = now + _SOONEST
        if tries.in_the_way and self._served(tries.in_the_way):
            return
        tries.in_the_way, self._busy = (), True
        self._tasks.start(self._try(sender, name))

    async def _try(self, sender: str, name: str) -> None:
        tries = self._tries
        try:
            await self.adopt(sender, name, by="")
        except Refused as refused:
            if refused.because.key == "cf21":  # an apply goes on: it ends by itself
                return
            self._here.troubles.begin("adopting", refused.because)
            tries.pause = min(max(_SOONEST, 2 * tries.pause), _LATEST)
            tries.at = clock.now() + (_SOONEST if tries.in_the_way else tries.pause)
        finally:
            self._busy = False

    async def adopt(self, sender: str, name: str, *, by: str) -> None:
        """Take over that revision of *sender*.

        Raises:
            Refused: it cannot be used here, or not now.

        """
        prepared = self._holding.hold
        if prepared and prepared.revision and prepared.revision.name == name:
            await self._commit_held(prepared)  # its Commit was lost, or the sender died over it
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
        if held := self._served((*checked.restart, *checked.stop)):
            if self._tries.name == name:
                self._tries.in_the_way = held
            known = {"server": self._here.server, "revision": name, "peer": sender}
            raise Refused(messages.because("cf8", **known, group=held[0]))

    def _served(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """Give those of *groups* that are, or may be, active here."""
        there = _served(self._around.status(), self._here.server)
        return tuple(group for group in groups if group in there)

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
        self._going.at_once()


def _served(status: Mapping[str, Any], server: str) -> frozenset[str]:
    """Give the groups that are, or may be, active on *server*."""
    return frozenset(
        group["name"]
        for group in status["groups"]
        if group["servers"].get(server, {}).get("state", "Offline") != "Offline"
    )
