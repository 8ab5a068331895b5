"""Applies a revision on all servers, or on none: the agent that was asked does it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import attrs

from clpcore import messages
from clpcore.model.reasons import Because
from clpcore.model.revisions import (
    Abandon,
    About,
    Commit,
    Committed,
    Dispatch,
    Finding,
    Prepare,
    Prepared,
    number_of,
)
from clpcore.runtime import clock
from clpcore.runtime.revisions.archive import Archive, BrokenArchive
from clpcore.runtime.revisions.around import Around, Here, Refused
from clpcore.runtime.revisions.checking import Checked
from clpcore.runtime.revisions.holding import Hold, Holding
from clpcore.runtime.revisions.restarting import Restarter, Waiting

logger = logging.getLogger(__name__)

PREPARE_S: Final = 30.0  # seconds in which every server must have checked it
_ASK_AGAIN: Final = 1.0  # seconds; an agent that died over it has started again by then
_COMMIT: Final = 3.0  # seconds that those who have committed are waited for, for the report alone

_Answer = TypeVar("_Answer", Prepared, Committed)
Tell = Callable[[Mapping[str, Any]], None]


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
        again: Callable[[], None],
    ) -> None:
        """Take the parts.

        *heard* gives the names of the others' revisions; *again* starts this agent anew.
        """
        self._here = here
        self._around = around
        self._holding = holding
        self._archive = kept
        self._restarter = restarter
        self._heard = heard
        self._again = again
        self._count = 0
        self._answers: dict[tuple[str, type[Dispatch]], asyncio.Future[Any]] = {}
        self._apply = ""

    def take(self, sender: str, answer: Prepared | Committed) -> None:
        """Take an answer to the apply that goes on."""
        awaited = self._answers.get((sender, type(answer)))
        if awaited is not None and answer.apply == self._apply and not awaited.done():
            awaited.set_result(answer)

    async def apply(self, wish: Wish, tell: Tell) -> dict[str, Any]:
        """Apply; give what was done. Cancelled before it is committed, nothing has changed.

        Raises:
            Refused: nothing was changed, on no server.

        """
        self._count += 1
        apply = f"{self._here.server}-{os.getpid()}-{clock.now()}-{self._count}"
        hold = Hold(
            apply=apply, by=wish.by, server=self._here.server, since=clock.now(), lasts=True
        )
        status = self._around.status()
        if not wish.dry:
            _must_be_at_rest(status)
        self._holding.claim(hold)
        asked: tuple[str, ...] = ()
        commit: asyncio.Future[list[str]] | None = None
        self._apply = apply
        try:
            checked = await self._check(wish, hold)
            if checked.same:
                return {"same": True, "revision": self._holding.current.revision.name}
            self._must_be_possible(checked, status)
            asked = self._participants(wish, checked, status)
            tell({"step": "prepare", "servers": [self._here.server, *asked]})
            await self._prepare(wish, hold, asked)
            if wish.dry:
                return self._told(checked, asked, dry=True)
            stopped = await self._stop_groups(wish, checked, status, tell)
            commit = asyncio.ensure_future(self._commit(hold, asked))
            done = await asyncio.shield(commit)  # a client that vanishes now ends nothing
            told = self._told(checked, asked, dry=False)
            return {**told, "committed": done, "restarted": stopped}
        finally:
            if commit is None:
                await asyncio.shield(self._abandon(hold, asked))

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

    def _must_be_possible(self, checked: Checked, status: Mapping[str, Any]) -> None:
        if checked.findings:
            why = messages.because("cf22", server=self._here.server)
            raise Refused(why, {self._here.server: (why, checked.findings)})
        for what in checked.never:
            raise Refused(messages.because("cf27", what=what))
        states = {server["name"]: server["state"] for server in status["servers"]}
        for name in checked.removed:
            if states.get(name) != "Offline":
                raise Refused(messages.because("cf26", server=name))

    def _participants(
        self, wish: Wish, checked: Checked, status: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """Give the others that must check it: all of both configurations that can be asked."""
        others = [name for name in self._here.others if name in checked.servers]
        states = {server["name"]: server["state"] for server in status["servers"]}
        silent = self._silent(others)
        for name in silent:
            if name not in wish.without:
                raise Refused(messages.because("cf23", server=name))
            if states.get(name) != "Offline" and not wish.force:
                raise Refused(messages.because("cf24", server=name))
        return tuple(name for name in others if name not in silent)

    def _silent(self, servers: Iterable[str]) -> list[str]:
        """Give those that cannot be asked now."""
        shown = self._around.status()["servers"]
        heard = {server["name"]: server["heard_ms_ago"] for server in shown}
        # The session with a machine that lost its power stands for a while.
        return [
            name
            for name in servers
            if name not in self._around.connected
            or heard[name] is None
            or heard[name] > self._here.lately
        ]

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
        answers = await self._ask_all(asked, word, Prepared, PREPARE_S)
        refused: dict[str, tuple[Because | None, tuple[Finding, ...]]] = {}
        for name in asked:
            answer = answers.get(name)
            if answer is None:
                late = messages.because("cf25", server=name, seconds=int(PREPARE_S))
                gone = messages.because("cf23", server=name)
                refused[name] = gone if self._silent([name]) else late, ()
            elif answer.because or answer.findings:
                refused[name] = answer.because, answer.findings
        if refused:
            first = next(because for because, _ in refused.values() if because)
            raise Refused(first, refused)

    async def _ask_all(
        self, servers: tuple[str, ...], word: Dispatch, kind: type[_Answer], within: float
    ) -> dict[str, _Answer]:
        """Give the answers that came in time, by server.

        Who says nothing is asked again; who falls silent is not waited for.
        """
        loop = asyncio.get_running_loop()
        awaited = {name: loop.create_future() for name in servers}
        self._answers = {(name, kind): future for name, future in awaited.items()}
        deadline = loop.time() + within
        waiting = set(awaited.values())
        while waiting and (left := deadline - loop.time()) > 0:
            for name, future in awaited.items():
                if not future.done():
                    self._around.send(name, word)
            await asyncio.wait(waiting, timeout=min(_ASK_AGAIN, left))
            gone = self._silent(servers)
            waiting = {
                future for name, future in awaited.items() if not future.done() and name not in gone
            }
        self._answers = {}
        return {name: future.result() for name, future in awaited.items() if future.done()}

    # -- the change

    async def _stop_groups(
        self, wish: Wish, checked: Checked, status: Mapping[str, Any], tell: Tell
    ) -> list[str]:
        """Stop what the change restarts or removes; give what runs again, which is noted before."""
        running = {
            group["name"]: group["server"]
            for group in status["groups"]
            if group["server"] and group["state"] != "Offline"
        }
        again = [Waiting(name, running[name]) for name in checked.restart if name in running]
        if again:
            await self._restarter.note(again)
        for name in (name for name in (*checked.restart, *checked.stop) if name in running):
            tell({"step": "stop", "group": name})
            await self._restarter.stop(name, wish.by)
        return [waiting.group for waiting in again]

    async def _commit(self, hold: Hold, asked: tuple[str, ...]) -> list[str]:
        """Commit here, then everywhere; give who is known to have done it.

        Raises:
            Refused: it could not be written here, and so nobody has it.

        """
        try:
            revision = await self._holding.commit(hold)
        except (BrokenArchive, OSError) as error:
            await self._abandon(hold, asked)
            raise Refused(
                messages.because("cf29", server=self._here.server, reason=str(error))
            ) from error
        me = self._here.server
        told = messages.because("cf2", server=me, revision=revision.name, by=hold.by, origin=me)
        self._here.troubles.tell(told)
        answers = await self._ask_all(asked, Commit(hold.apply), Committed, _COMMIT)
        self._again()
        return [me, *answers]

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


def _must_be_at_rest(status: Mapping[str, Any]) -> None:
    """Refuse while a group is on its way: nobody could say where it must start again."""
    for group in status["groups"]:
        if "Pending" in group["state"]:
            raise Refused(messages.because("cf28", group=group["name"]))
