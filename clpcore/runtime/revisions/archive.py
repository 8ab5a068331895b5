"""The revisions that this server keeps, in /var/lib/clpcore/revisions.

::

    current -> 000003-0f3a...     the committed revision: replacing this link commits
    000003-0f3a.../bundle         what the digest is of
    000003-0f3a.../about.json     the whole digest, by whom, when, from which server, and why
    000003-0f3a.../conf.d, scripts    unpacked: what agents read and drivers run
    staged/                       the same for one that is checked, and may be committed
    followed                      the revision that the working copy in /etc/clpcore was taken to
    restart.json                  groups that are stopped to apply, and must be started again

A folder is complete and on disk before it gets a revision's name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore.model.revisions import About, Revision, number_of

MOST_KEPT: Final = 50
BUNDLE: Final = "bundle"
_DIGITS: Final = 6  # of a number at most; more of them begin a digest
_ABOUT, _CURRENT, _STAGED, _FOLLOWED = "about.json", "current", "staged", "followed"


class BrokenArchive(Exception):
    """What is kept cannot be used; names the file and the next step."""


@attrs.frozen
class Filed:
    """One kept revision and where it comes from."""

    revision: Revision
    about: About
    folder: Path

    def as_json(self) -> dict[str, Any]:
        """Give it in plain JSON types."""
        return {**attrs.asdict(self.revision), **attrs.asdict(self.about)}


@attrs.frozen
class Archive:
    """The folder of one server's revisions."""

    folder: Path

    @property
    def staged(self) -> Path:
        """Give where a revision lies that is not committed yet."""
        return self.folder / _STAGED

    @property
    def restart(self) -> Path:
        """Give the file of the groups that wait to be started again."""
        return self.folder / "restart.json"

    def current(self) -> Filed | None:
        """Give the committed revision; None before the first start of an agent.

        Raises:
            BrokenArchive: it was there and is damaged.

        """
        link = self.folder / _CURRENT
        try:
            name = link.readlink()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BrokenArchive(f"{link} cannot be read: {error.strerror}") from error
        kept = _read(self.folder / name)
        if kept is None:
            raise BrokenArchive(
                f"{link} names a revision that is not there or not readable: take another one of "
                f"{self.folder} with `clp config rollback NUMBER --offline`, or conf.d and scripts "
                "with `clp config apply --offline`"
            )
        return kept

    def all(self) -> tuple[Filed, ...]:
        """Give every kept revision, oldest first; of one number, the committed one last."""
        now = self.usable()
        found = [kept for kept in map(_read, self._folders()) if kept]
        last = now.revision if now else None
        return tuple(sorted(found, key=lambda kept: _order(kept, last)))

    def usable(self) -> Filed | None:
        """Give the committed revision; None also when it is damaged."""
        try:
            return self.current()
        except BrokenArchive:
            return None

    @property
    def highest(self) -> int:
        """Give the highest number of all revisions that were ever begun here, damaged or not."""
        return max((number_of(path.name) for path in self._folders()), default=0)

    def find(self, wanted: str) -> Filed | None:
        """Give a revision by its number, name, or the beginning of its digest."""
        number = int(wanted) if wanted.isdecimal() and len(wanted) <= _DIGITS else 0
        fits = [
            kept
            for kept in self.all()
            if kept.revision.number == number
            or kept.revision.name == wanted
            or (len(wanted) >= _DIGITS and kept.revision.digest.startswith(wanted))
        ]
        return fits[-1] if fits else None

    def bundle(self, kept: Filed) -> bytes:
        """Give the bytes of a revision.

        Raises:
            BrokenArchive: they are not those that were kept.

        """
        return _bundle(kept.folder, kept.revision)

    def held(self, name: str) -> tuple[Revision, About, bytes] | None:
        """Give a revision by name for another server: also the one that is only staged."""
        for folder in (self.folder / name, self.staged):
            kept = _read(folder) if number_of(name) else None
            if kept is not None and kept.revision.name == name:
                return kept.revision, kept.about, _bundle(folder, kept.revision)
        return None

    # -- changing

    def clear_stage(self) -> None:
        """Drop what is staged."""
        if self.staged.exists():
            shutil.rmtree(self.staged)

    def stage(self, revision: Revision, about: About, bundle: bytes) -> Path:
        """Begin a staged revision; the caller unpacks it into the folder that is given."""
        self.clear_stage()
        self.staged.mkdir(parents=True, mode=0o700)
        write(self.staged / BUNDLE, bundle)
        document = {"revision": attrs.asdict(revision), "about": attrs.asdict(about)}
        write(self.staged / _ABOUT, json.dumps(document).encode())
        return self.staged

    def commit(self, revision: Revision) -> None:
        """Make the staged revision the current one; when it returns, a crash changes nothing.

        Raises:
            BrokenArchive: another one is staged, or none.
            OSError: it cannot be written; it may be tried again.

        """
        folder = self.folder / revision.name
        if _is(self.staged, revision):
            if folder.exists():  # of a commit that was interrupted, or adopted once already
                shutil.rmtree(folder)
            self.staged.rename(folder)
        elif not _is(folder, revision):  # else an earlier try came that far
            raise BrokenArchive(f"{revision.name} is not staged in {self.staged}")
        draft = self.folder / f".{_CURRENT}.new"
        draft.unlink(missing_ok=True)
        draft.symlink_to(revision.name)
        _sync(self.folder)
        draft.replace(self.folder / _CURRENT)
        _sync(self.folder)

    def prune(self) -> None:
        """Drop the oldest revisions, and those that were never committed."""
        now = self.current()
        if now is None:
            return
        past = [kept for kept in self.all() if kept.revision != now.revision]
        never = [kept for kept in past if kept.revision.number > now.revision.number]
        past = [kept for kept in past if kept not in never]
        for kept in [*never, *past[: max(0, len(past) + 1 - MOST_KEPT)]]:
            shutil.rmtree(kept.folder)

    @property
    def followed(self) -> str:
        """Give the name of the revision that the working copy was taken to last."""
        with contextlib.suppress(OSError):
            return (self.folder / _FOLLOWED).read_text().strip()
        return ""

    def follow(self, revision: Revision) -> None:
        """Note that the working copy has been taken to *revision*, or left as it is."""
        replace(self.folder / _FOLLOWED, revision.name.encode() + b"\n")

    def _folders(self) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            yield from (path for path in self.folder.iterdir() if number_of(path.name))


def _order(kept: Filed, last: Revision | None) -> tuple[int, bool, int]:
    return kept.revision.number, kept.revision == last, kept.about.at


def _read(folder: Path) -> Filed | None:
    """Read what a folder says of itself; None if that is nothing."""
    try:
        document = json.loads((folder / _ABOUT).read_bytes())
        revision, about = Revision(**document["revision"]), About(**document["about"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Filed(revision, about, folder)


def _is(folder: Path, revision: Revision) -> bool:
    kept = _read(folder)
    return kept is not None and kept.revision == revision


def _bundle(folder: Path, revision: Revision) -> bytes:
    path = folder / BUNDLE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BrokenArchive(f"{path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != revision.digest:
        raise BrokenArchive(f"{path} is damaged: it is not what {revision.name} was")
    return data


def write(path: Path, data: bytes) -> None:
    """Write a new file that survives a crash once its folder is synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as opened:  # noqa: PTH123 - the mode is in the descriptor
        opened.write(data)
        opened.flush()
        os.fsync(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Replace a file at once, on disk when it returns."""
    draft = path.with_name(f".{path.name}.new")
    write(draft, data)
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
