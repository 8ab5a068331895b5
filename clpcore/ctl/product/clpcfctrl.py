"""``clpcfctrl``: gives a configuration to all servers, or fetches the one that they use."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clpcore.ctl import fresh
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry, outside

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpcfctrl",
        "Give the configuration in a folder, its conf.d and scripts, to all servers: all take "
        "it, or none. Or fetch the one that they use into a new folder.",
        "`clp config apply` does the same, and shows first what changes.",
        """
        clpcfctrl --pull -x ./now
        clpcfctrl --push -x ./now
        """,
    )
    verb = made.add_mutually_exclusive_group(required=True)
    verb.add_argument("--push", dest="verb", action="store_const", const="push", help="give it")
    verb.add_argument("--pull", dest="verb", action="store_const", const="pull", help="fetch it")
    made.add_argument("-x", dest="folder", type=Path, metavar="DIR", required=True, help="where")
    made.add_argument("-l", action="store_true", help="files of Linux; there are no others")
    made.add_argument("--force", action="store_true", help="--push: also with servers missing")
    made.add_argument("--nocheck", action="store_true", help="--push: no check before it is asked")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    from clpcore.config import revision

    try:
        code = _pull(args.folder) if args.verb == "pull" else _push(args)
    except revision.BadBundle as error:
        raise Failure(Exit.REFUSED, str(error), "correct it, then try again") from None
    if code is Exit.DONE:
        print(entry.SUCCEEDED)
    return code


def _pull(folder: Path) -> Exit:
    from clpcore.config import working
    from clpcore.runtime.places import whereabouts

    root = whereabouts(os.environ).root
    committed = working.Folders.below(root.committed)
    used = committed if committed.conf.is_dir() else working.Folders(root.conf, root.scripts)
    files = working.read(used)
    if not files:
        raise Failure(Exit.REFUSED, f"there is no configuration in {used.conf}", "clp config new")
    with fresh.folder(folder) as draft:
        working.write(files, working.Folders.below(draft))
    outside.tell(folder)
    return Exit.DONE


def _push(args: Namespace) -> Exit:
    """Make the folder the working copy, and let the agents apply it; if they do not, undo that."""
    from clpcore.config import working
    from clpcore.runtime.places import whereabouts

    files = working.read(working.Folders.below(args.folder))
    if not any(path.startswith("conf.d/") for path in files):
        text = f"there is no configuration in {args.folder / 'conf.d'}"
        raise Failure(Exit.REFUSED, text, "-x names the folder with conf.d and scripts in it")
    if not args.nocheck and not _usable(args.folder):
        return Exit.BAD_CONFIG
    root = whereabouts(os.environ).root
    ours = working.Folders(root.conf, root.scripts)
    before = working.read(ours)
    working.follow(ours, before, files)
    try:
        return _apply(force=args.force)
    except Failure as failure:
        if failure.code in {Exit.REFUSED, Exit.BAD_CONFIG}:
            working.follow(ours, files, before)
        raise


def _usable(folder: Path) -> bool:
    from clpcore import config, host

    registry = host.load()
    loaded = config.load(folder / "conf.d", registry.specs, registry.refused)
    if loaded.config is None:
        print(config.render(loaded.problems, None), end="")
    return loaded.config is not None


def _apply(*, force: bool) -> Exit:
    """Let the agents apply the working copy; the product asks nobody about the plan, too."""
    import argparse

    from clpcore.ctl import config_apply

    comment = "clpcfctrl --push"
    wish = {"yes": True, "dry_run": False, "comment": comment, "without": [], "force": force}
    return config_apply.run(argparse.Namespace(**wish, json=False))
