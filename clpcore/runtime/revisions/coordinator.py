"""Applies a revision on all servers, or on none: the agent that was asked does it."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import (
    Abandon,
    About,
    Again,
    Commit,
    Committed,
    Finding,
    Prepare,
    Prepared,
    number_of,
)
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import Archive, BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused
from clpcore.runtime.revisions.asking import Asker, Reply
from clpcore.runtime.revisions.checking import Checked
from clpcore.runtime.revisions.going import Going
from clpcore.runtime.revisions.holding import Hold, Holding
from clpcore.runtime.revisions.restarting import Restarter
from clpcore.runtime.revisions.stopping import Stopper, Tell

PREPARE_S: Final = 30.0  # seconds in which every server must have checked it
_COMMIT: Final = 3.0  # seconds that those who have committed are waited for, for the report alone
_FORGOTTEN: Final = 3.0  # seconds until nobody counts on the word of a server that has left
_LOOK_EVERY: Final = 0.2  # seconds


@attrs.frozen(kw_only=True)
class Wish:
    """What an operator wants applied.

    *source* is a kept revision, or empty: the working copy. *digest*, if given, is what the
    operator has seen. *without*: servers that may be missing; *force*: also when nobody knows that
    they are stopped, and on whatever the others have committed.
    """

    by: str
    source: str = ""
    dry: bool = False
    digest: str = ""
    without: tuple[str, ...] = ()
    force: bool = False
    comment: str = ""


class Coordinator:
    """One apply at a time."""

    def __init__(
        self,
        here: Here,
        around: Around,
        holding: Holding,
        kept: Archive,
        restarter: Restarter,
        *,
        heard: Callable[[], Iterable[str]],
        going: Going,
    ) -> None:
        """Take the parts; *heard* gives the names of the others' revisions."""
        self._here = here
        self._around = around
        self._holding = holding
        self._archive = kept
        self._restarter = restarter
        self._heard = heard
        self._going = going
        self._asker = Asker(here, around)
        self._stopper = Stopper(here, around, self._asker, restarter)
        self._count = 0

    def take(self, sender: str, reply: Reply) -> None:
        """Take a reply to the apply that goes on."""
        self._asker.take(sender, reply)

    async def apply(self, wish: Wish, tell: Tell) -> dict[str, Any]:
        """Apply; give what was done. Cancelled before it is committed, nothing has changed.

        Raises:
            Refused: nothing was changed, on no server.

        """
        if not wish.dry:
            self._stopper.must_be_at_rest()
        hold = self._holding.claim(self._new_hold(wish))
        asked: tuple[str, ...] = ()
        commit: asyncio.Future[dict[str, Because]] | None = None
        try:
            checked = await self._check(wish, hold)
            if checked.same:
                return {"same": True, "revision": self._holding.current.revision.name}
            await self._must_be_possible(wish, checked)
            asked = self._participants(wish, checked)
            tell({"step": "prepare", "servers": [self._here.server, *asked]})
            await self._prepare(wish, hold, asked)
            if wish.dry:
                return self._told(checked, asked, dry=True)
            again = await self._stop(wish, hold, checked, asked, tell)
            tell({"step": "commit", "servers": [self._here.server, *asked]})
            commit = asyncio.ensure_future(self._commit(hold, checked, asked))
            failed = await asyncio.shield(commit)  # a client that vanishes now ends nothing
            plain = {name: messages.plain(because) for name, because in failed.items()}
            return {
                **self._told(checked, asked, dry=False),
                "failed": plain,
                "stopped": list(checked.stop),
                "restarted": again,
            }
        finally:
            if commit is None:
                await asyncio.shield(self._abandon(hold, asked))

    def _new_hold(self, wish: Wish) -> Hold:
        self._count += 1
        me = self._here.server
        apply = f"{me}-{os.getpid()}-{clock.now()}-{self._count}"
        return Hold(apply=apply, by=wish.by, server=me, since=clock.now(), lasts=True)

    # -- before anything changes

    async def _check(self, wish: Wish, hold: Hold) -> Checked:
        base = self._holding.current.revision
        numbers = map(number_of, self._heard()) if wish.force else ()
        number = max([base.number, *numbers]) + 1
        about = About(by=wish.by, server=self._here.server, at=clock.wall(), comment=wish.comment)
        bundle = None
        if wish.source:
            found = await asyncio.to_thread(self._archive.find, wish.source)
            if found is None:
                raise Refused(
                    messages.because("cf32", server=self._here.server, wanted=wish.source)
                )
            bundle = found.folder / "bundle"
            if not wish.comment:
                about = attrs.evolve(about, comment=f"as {found.revision.name}")
        checked = await self._holding.check(hold, number, about, bundle=bundle, digest=wish.digest)
        if checked.error:
            raise Refused(messages.because("cf29", server=self._here.server, reason=checked.error))
        return checked

    async def _must_be_possible(self, wish: Wish, checked: Checked) -> None:
        me = self._here.server
        if checked.findings:
            why = messages.because("cf22", server=me)
            raise Refused(why, {me: (why, checked.findings)})
        for what in checked.never:
            raise Refused(messages.because("cf27", what=what))
        if not wish.force:
            for name in checked.removed:
                await self._must_be_removable(name)

    async def _must_be_removable(self, server: str) -> None:
        """Refuse while it may run, or groups wait for its word: nobody would ever give that.

        Raises:
            Refused: one of the two.

        """
        states = {each["name"]: each["state"] for each in self._around.status()["servers"]}
        if states.get(server) != "Offline":
            raise Refused(messages.because("cf26", server=server))
        deadline = asyncio.get_running_loop().time() + _FORGOTTEN
        while waiting := [name for name, of in self._around.cohorts.items() if server in of]:
            # It has perhaps left just now: the others agree on that by the next heartbeats.
            if asyncio.get_running_loop().time() > deadline:
                raise Refused(messages.because("cf34", server=server, group=min(waiting)))
            await asyncio.sleep(_LOOK_EVERY)

    def _participants(self, wish: Wish, checked: Checked) -> tuple[str, ...]:
        """Give the others that must check it: all of both configurations that can be asked."""
        others = [name for name in self._here.others if name in checked.servers]
        states = {each["name"]: each["state"] for each in self._around.status()["servers"]}
        gone = self._asker.gone(others)
        for name in gone:
            if name not in wish.without:
                raise Refused(messages.because("cf23", server=name))
            if states.get(name) != "Offline" and not wish.force:
                raise Refused(messages.because("cf24", server=name))
        return tuple(name for name in others if name not in gone)

    async def _prepare(self, wish: Wish, hold: Hold, asked: tuple[str, ...]) -> None:
        checked = hold.checked
        if checked is None or checked.revision is None:
            raise RuntimeError("nothing is prepared that was not checked")
        held = await asyncio.to_thread(self._archive.held, checked.revision.name)
        if held is None:
            raise RuntimeError("what was checked is not staged")
        revision, about, _ = held
        word = Prepare(
            apply=hold.apply,
            base=self._holding.current.revision.name,
            revision=revision,
            about=about,
            dry=wish.dry,
            insist=wish.force,
        )
        answers = await self._asker.ask(hold.apply, asked, word, Prepared, PREPARE_S)
        refused: dict[str, tuple[Because | None, tuple[Finding, ...]]] = {}
        for name in asked:
            answer = answers.get(name)
            if answer is None:
                late = messages.because("cf25", server=name, seconds=int(PREPARE_S))
                gone = messages.because("cf23", server=name)
                refused[name] = gone if self._asker.gone([name]) else late, ()
            elif answer.because or answer.findings:
                refused[name] = answer.because, answer.findings
        if refused:
            first = next(because for because, _ in refused.values() if because)
            raise Refused(first, refused)

    # -- the change

    async def _stop(
        self, wish: Wish, hold: Hold, checked: Checked, asked: tuple[str, ...], tell: Tell
    ) -> list[str]:
        """Stop what the change restarts or removes, then look at everything once more.

        A stop may take an hour: whoever was gone meanwhile has to check again, and be here now.
        """
        again = await self._stopper.stop(hold, checked, asked, tell)
        await self._prepare(wish, hold, asked)
        self._stopper.must_be_down(checked)
        return again

    async def _commit(
        self, hold: Hold, checked: Checked, asked: tuple[str, ...]
    ) -> dict[str, Because]:
        """Commit here, then everywhere; give who said that it cannot, and why.

        Raises:
            Refused: it could not be written here, and so nobody has it.

        """
        me = self._here.server
        try:
            revision = await self._holding.commit(hold)
        except (BrokenArchive, OSError) as error:
            await self._abandon(hold, asked)
            raise Refused(messages.because("cf29", server=me, reason=str(error))) from error
        known = {"server": me, "revision": revision.name, "by": hold.by, "origin": me}
        self._here.troubles.tell(messages.because("cf2", **known))
        failed = await self._have_committed(Commit(hold.apply, revision.name), checked, asked)
        for name in asked:
            self._around.send(name, Again(hold.apply))
        for because in failed.values():
            self._here.troubles.tell(because)
        self._going.at_once()
        return failed

    async def _have_committed(
        self, word: Commit, checked: Checked, asked: tuple[str, ...]
    ) -> dict[str, Because]:
        """Have the others commit; give who said that it cannot, and why.

        Where heartbeats do not pause, this is for the report alone: who missed it hears of it by
        them. Else whoever is left behind may never hear of it: everybody that lives is waited for,
        and asked again who could not write. All the while they run as before.
        """
        apply, loop = word.apply, asyncio.get_running_loop()
        if not checked.pauses:
            replies = await self._asker.ask(apply, asked, word, Committed, _COMMIT)
            return {name: reply.because for name, reply in replies.items() if reply.because}
        deadline = loop.time() + PREPARE_S
        left, failed = asked, dict[str, Because]()
        while left:
            replies = await self._asker.ask(
                apply, left, word, Committed, math.inf, given_up=self._asker.dead
            )
            failed = {name: reply.because for name, reply in replies.items() if reply.because}
            left = tuple(failed) if loop.time() < deadline else ()
            await asyncio.sleep(_LOOK_EVERY if left else 0)
        return failed

    async def _abandon(self, hold: Hold, asked: tuple[str, ...]) -> None:
        """Let nobody hold it any longer, and let run what was stopped for it."""
        for name in asked:
            self._around.send(name, Abandon(hold.apply))
        await self._holding.drop(hold)
        self._restarter.go()

    def _told(self, checked: Checked, asked: tuple[str, ...], *, dry: bool) -> dict[str, Any]:
        return {
            "same": False,
            "dry": dry,
            "revision": checked.revision.name if checked.revision else "",
            "digest": checked.revision.digest if checked.revision else "",
            "servers": [self._here.server, *asked],
            "changes": [
                {"what": what, "effect": effect, "about": about}
                for what, effect, about in checked.changes
            ],
        }
