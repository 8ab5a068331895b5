"""The one revision that may be staged on a server, and for which apply it is held."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

import attrs

from clpcore import messages
from clpcore.model.revisions import About, Revision
from clpcore.runtime import clock
from clpcore.runtime.revisions import archive, checking
from clpcore.runtime.revisions.archive import Archive, Filed
from clpcore.runtime.revisions.around import Here, Refused
from clpcore.runtime.revisions.carrying import Bundle
from clpcore.runtime.revisions.checking import Checked, Job

ABANDONED: Final = 60_000  # ms after which a change whose server says nothing more gives way


@attrs.define(kw_only=True)
class Hold:
    """Who has claimed the stage, for what; *lasts*: until it is dropped, however long."""

    apply: str
    by: str
    server: str
    since: int
    lasts: bool = False
    checked: Checked | None = None

    @property
    def revision(self) -> Revision | None:
        """Give what is staged for it, once that can be used here."""
        found = self.checked
        usable = found and not (found.error or found.findings)
        return found.revision if found and usable else None


class Holding:
    """Claims, checks, commits and drops what is staged."""

    def __init__(self, here: Here, kept: Archive, current: Filed) -> None:
        self.hold: Hold | None = None
        self.current = current
        self.committed = current.revision
        self._here = here
        self._archive = kept
        self._lock = asyncio.Lock()  # the folder is one
        self._received = 0

    @property
    def done(self) -> bool:
        """Tell whether this agent has committed another revision: the next one goes on."""
        return self.committed != self.current.revision

    def claim(self, hold: Hold) -> Hold:
        """Claim the stage.

        Raises:
            Refused: somebody else has it.

        """
        other, now = self.hold, clock.now()
        if other is not None and (self.done or self._keeps_out(other, hold, now)):
            raise Refused(
                messages.because(
                    "cf21",
                    server=self._here.server,
                    by=other.by or "the agent",
                    origin=other.server,
                    seconds=(now - other.since) // 1_000,
                )
            )
        self.hold = hold
        return hold

    def _keeps_out(self, other: Hold, hold: Hold, now: int) -> bool:
        """Tell whether *other* has the stage; a server that begins anew has given its last up."""
        if hold.server == other.server != self._here.server:
            return False
        return other.lasts or now - other.since < ABANDONED

    async def check(
        self, hold: Hold, number: int, about: About, *, bundle: Path | None = None, digest: str = ""
    ) -> Checked:
        """Stage a bundle, or the working copy, for *hold*, and check it."""
        job = Job(
            root=str(self._here.root.path),
            server=self._here.server,
            number=number,
            about=about,
            bundle=str(bundle) if bundle else "",
            digest=digest,
        )
        async with self._lock:
            if self.hold is not hold:
                return Checked(error="another change has taken its place")
            checked = await checking.check(job)
        hold.checked = checked
        return checked

    async def receive(self, hold: Hold, bundle: Bundle) -> Checked:
        """Stage and check what came from another server."""
        self._received += 1  # of a change that was dropped the check may still be under way
        path, revision = self._archive.folder / f"received-{self._received}", bundle.revision
        await asyncio.to_thread(archive.write, path, bundle.data)
        try:
            return await self.check(
                hold, revision.number, bundle.about, bundle=path, digest=revision.digest
            )
        finally:
            path.unlink(missing_ok=True)

    async def commit(self, hold: Hold) -> Revision:
        """Commit what is held; on disk when it returns.

        Raises:
            Refused: it is not held any more.
            BrokenArchive: it is not staged.
            OSError: it cannot be written.

        """
        revision = hold.revision
        async with self._lock:
            if self.hold is not hold or revision is None or self.done:
                raise Refused(messages.because("cf29", server=self._here.server, reason="dropped"))
            await asyncio.to_thread(self._archive.commit, revision)
            self.committed = revision
        return revision

    async def drop(self, hold: Hold) -> None:
        """Give the stage free, if *hold* still has it."""
        async with self._lock:
            if self.hold is hold and not self.done:
                self.hold = None
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(self._archive.clear_stage)
