"""What the commands about revisions share: the kept ones, the working copy, and the plan."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clpcore.ctl.ends import Exit, Failure

if TYPE_CHECKING:
    from pathlib import Path

    from clpcore.config.revision import Files
    from clpcore.runtime.revisions.archive import Archive, Filed

WORKING = "conf.d and scripts"


def plan_lines(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give a plan as lines: what changes, and what that does."""
    if not changes:
        return ["Nothing changes in the cluster; the texts differ."]
    wide = max(len(change["what"]) for change in changes)
    return [f"  {each['what']:<{wide}}  {_effect(each)}".rstrip() for each in changes]


def _effect(change: Mapping[str, Any]) -> str:
    about = change["about"]
    words = {
        "restarts the group": f"restarts group {about}, if it is online",
        "stops the group": f"stops group {about}",
        "needs the server stopped": f"needs {about} stopped",
    }
    return words.get(change["effect"], str(change["effect"]))


def agree(changes: Sequence[Mapping[str, Any]], question: str) -> None:
    """Show the plan on stderr, and go on only with a yes.

    Raises:
        Failure: no, or nobody is there to ask.

    """
    print(*plan_lines(changes), sep="\n", file=sys.stderr)
    if not sys.stdin.isatty():
        what = "nobody is at a terminal to agree to this plan; nothing was applied"
        raise Failure(Exit.USAGE, what, "with --yes it is applied without asking")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Failure(Exit.REFUSED, "not agreed; nothing was applied")


def archive() -> Archive:
    """Give this server's kept revisions.

    Raises:
        Failure: there are none, or they cannot be read.

    """
    from clpcore.runtime.places import whereabouts
    from clpcore.runtime.revisions.archive import Archive, BrokenArchive

    found = Archive(whereabouts(os.environ).root.revisions)
    try:
        there = found.current() is not None
    except BrokenArchive as error:
        raise Failure(Exit.REFUSED, str(error)) from None
    if not there:
        what = f"no revision is kept in {found.folder}, or you may not read it"
        raise Failure(
            Exit.REFUSED, what, "be root; the first start of an agent makes conf.d revision 1"
        )
    return found


def find(kept: Archive, wanted: str) -> Filed:
    """Give a kept revision.

    Raises:
        Failure: there is none.

    """
    found = kept.find(wanted) if wanted else kept.current()
    if found is None:
        remedy = "`clp config history` shows those that there are"
        raise Failure(Exit.REFUSED, f"there is no revision {wanted}", remedy)
    return found


def files_of(kept: Archive, filed: Filed) -> Files:
    """Give a revision's files.

    Raises:
        Failure: they are damaged.

    """
    from clpcore.config import revision
    from clpcore.runtime.revisions.archive import BrokenArchive

    try:
        return revision.unpack(kept.bundle(filed))
    except (revision.BadBundle, BrokenArchive) as error:
        raise Failure(Exit.REFUSED, str(error), "compare with `clp config history`") from None


def working_copy() -> tuple[Files, Path]:
    """Give the operator's files, and where the configuration files among them are.

    Raises:
        Failure: they cannot be read.

    """
    from clpcore.config import revision, working
    from clpcore.runtime.places import whereabouts

    root = whereabouts(os.environ).root
    try:
        return working.read(working.Folders(root.conf, root.scripts)), root.conf
    except revision.BadBundle as error:
        raise Failure(Exit.REFUSED, str(error)) from None
