"""What an agent starts with: the committed revision, or the working copy as the first one.

Called by the process that reads the configuration, before there is an agent.
"""

from __future__ import annotations

import logging
from pathlib import Path

import attrs

from clpcore.config import revision, working
from clpcore.config.working import Folders
from clpcore.model.revisions import About, Revision
from clpcore.runtime import clock
from clpcore.runtime.places import Root
from clpcore.runtime.revisions.archive import Archive, BrokenArchive, Filed

logger = logging.getLogger(__name__)

Unusable = (BrokenArchive, revision.BadBundle, OSError)


@attrs.frozen(kw_only=True)
class Begun:
    """The revision to start with.

    *edited* says how the working copy differs, empty: not at all. *first*: it is the working copy,
    which is staged and waits to be committed.
    """

    revision: Revision
    conf: Path
    edited: str = ""
    first: bool = False


def begin(root: Root) -> Begun | None:
    """Give the committed revision, whole; None if there was never one.

    The working copy is taken to it once, if it still is what the former one was.

    Raises:
        Unusable: what is kept cannot be used.

    """
    archive = Archive(root.revisions)
    kept = archive.current()
    if kept is None:
        return None
    archive.clear_stage()
    archive.prune()
    files = revision.unpack(archive.bundle(kept))
    working.restore(Folders.below(kept.folder), files)
    edited = _edited(root, archive, kept, files)
    return Begun(revision=kept.revision, conf=Folders.below(root.committed).conf, edited=edited)


def first(root: Root) -> Begun:
    """Stage the working copy as revision 1: it is committed when the agent can start with it.

    Raises:
        Unusable: it is too large, cannot be read, or cannot be kept.

    """
    archive, files = Archive(root.revisions), working.read(Folders(root.conf, root.scripts))
    bundle = revision.pack(files)
    made = Revision(1, revision.digest(bundle))
    about = About(at=clock.wall(), comment="the first start")
    working.write(files, Folders.below(archive.stage(made, about, bundle)))
    return Begun(revision=made, conf=root.conf, first=True)


def _edited(root: Root, archive: Archive, kept: Filed, files: revision.Files) -> str:
    """Say how the working copy differs from the committed revision, after it was taken to it."""
    mine = Folders(root.conf, root.scripts)
    try:
        if archive.followed != kept.revision.name:
            _follow(archive, kept, mine, files)
        there = working.read(mine)
    except (revision.BadBundle, OSError) as error:
        return str(error)
    count = sum(there.get(path) != files.get(path) for path in {*there, *files})
    return f"{count} files differ" if count else ""


def _follow(archive: Archive, kept: Filed, mine: Folders, files: revision.Files) -> None:
    former = archive.find(archive.followed) if archive.followed else None
    if former is not None:
        before = revision.unpack(archive.bundle(former))
        if not working.follow(mine, before, files):
            logger.warning("conf.d or scripts were edited: they stay as they are")
    archive.follow(kept.revision)
