"""Commits a revision on one server whose agent does not run, because it cannot start as it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import attrs

from clpcore.model.revisions import About
from clpcore.runtime import clock, startup
from clpcore.runtime.operators import accounts
from clpcore.runtime.places import Whereabouts
from clpcore.runtime.revisions import checking
from clpcore.runtime.revisions.archive import Archive, BrokenArchive
from clpcore.runtime.revisions.checking import Checked, Job
from clpcore.runtime.store import boots


class CannotApply(Exception):
    """Nothing was changed; says why, and the next step."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


@attrs.frozen
class Alone:
    """This server, as long as no agent can start on it."""

    where: Whereabouts
    archive: Archive

    def must_have_left(self) -> None:
        """Refuse while a group may run here: nobody would stop it before it changes.

        Raises:
            CannotApply: one may.

        """
        memory = boots.read(self.where.root.boot)
        boot = clock.boot_id(self.where.root.boot_id if self.where.lab else None)
        if memory and memory.life.boot.id == boot and memory.run.held:
            groups = ", ".join(sorted(memory.run.held))
            raise CannotApply(
                f"this server has not left cleanly, and {groups} may still run here",
                "reboot it, or stop what runs by hand and add --force",
            )

    def check(self, source: str, comment: str) -> Checked:
        """Stage conf.d and scripts, or a kept revision, and check it as this server would use it.

        Its number is above all that were ever here, so that no other server holds another one.

        Raises:
            CannotApply: it cannot even be staged.

        """
        found = self.archive.find(source) if source else None
        if source and found is None:
            text = f"there is no revision {source}"
            raise CannotApply(text, "`clp config history` shows those that there are")
        if not self.archive.highest:
            text = f"no revision is kept in {self.archive.folder}"
            raise CannotApply(text, "start the agent: its first start makes conf.d revision 1")
        about = About(
            by=accounts.user_name(os.getuid()),
            server=self.where.server,
            at=clock.wall(),
            comment=comment or (f"as {found.revision.name}" if found else "offline"),
        )
        checked = checking.check_now(
            Job(
                root=str(self.where.root.path),
                server=self.where.server,
                number=self.archive.highest + 1,
                about=about,
                bundle=str(found.folder / "bundle") if found else "",
            )
        )
        if checked.error:
            raise CannotApply(checked.error, "mend it, then try again")
        return checked

    def commit(self, checked: Checked) -> None:
        """Commit what was checked.

        Raises:
            CannotApply: it cannot be written.

        """
        if checked.revision is None:
            raise RuntimeError("nothing is committed that was not staged")
        try:
            self.archive.commit(checked.revision)
        except (BrokenArchive, OSError) as error:
            raise CannotApply(
                f"it cannot be committed: {error}", "see to it, then again"
            ) from error


@contextlib.contextmanager
def taken(where: Whereabouts) -> Iterator[Alone]:
    """Keep agents from starting here, and drop what is only staged in the end.

    Raises:
        CannotApply: an agent runs, or the folders are not ours to write.

    """
    try:
        lock = startup.take_lock(where.root.lock)
    except startup.CannotStart as why:
        raise CannotApply(str(why), "with an agent that runs: `clp config apply`") from None
    archive = Archive(where.root.revisions)
    try:
        yield Alone(where, archive)
    finally:
        with contextlib.suppress(OSError):
            archive.clear_stage()
        os.close(lock)
