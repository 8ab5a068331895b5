"""`clp config apply|rollback --offline`: on this server alone, whose agent cannot start.

A committed revision may become of no use, for example when a plugin is uninstalled. No agent could
then apply another one.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from clpcore.ctl import config_revisions as shared
from clpcore.ctl import words
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import tell_nothing

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.runtime.revisions.alone import Alone
    from clpcore.runtime.revisions.checking import Checked


def run(args: Namespace) -> Exit:
    """Check here, show the plan, ask, commit."""
    from clpcore.runtime.places import whereabouts
    from clpcore.runtime.revisions import alone

    if args.without:
        text = "--offline concerns this server alone"
        raise Failure(Exit.USAGE, text, "leave --without away")
    try:
        with alone.taken(whereabouts(os.environ)) as here:
            return _apply(args, here)
    except alone.CannotApply as why:
        raise Failure(Exit.REFUSED, str(why), why.remedy) from None


def _apply(args: Namespace, here: Alone) -> Exit:
    if not args.force:
        here.must_have_left()
    checked = here.check(getattr(args, "source", ""), args.comment)
    if checked.same:
        return tell_nothing(args, "it is what is committed already", "")
    _must_be_usable(checked)
    keys = "what", "effect", "about"
    changes = [dict(zip(keys, change, strict=True)) for change in checked.changes]
    name = checked.revision.name if checked.revision else ""
    told = {"same": False, "dry": args.dry_run, "revision": name, "changes": changes}
    if not args.dry_run:
        if not args.yes:
            shared.agree(changes, "Apply it on this server alone?")
        here.commit(checked)
    if args.json:
        print(json.dumps({"ok": True, "exit": Exit.DONE, **told}))
    elif args.dry_run:
        print(*shared.plan_lines(changes), "Can be applied here. Nothing was changed.", sep="\n")
    else:
        print(f"Revision {name} is committed here. Start the agent: systemctl start clpcore")
        print("  The others adopt it when they hear it, or do the same on each.")
    return Exit.DONE


def _must_be_usable(checked: Checked) -> None:
    for found in checked.findings:
        place = f"{found.file}:{found.line}: " if found.file else ""
        key = f"{found.key}: " if found.key else ""
        print(words.plain(f"{place}{key}{found.what}"))
        if found.remedy:
            print(words.plain(f"  {found.remedy}"))
    if checked.findings:
        text = "this server cannot use it; nothing was changed"
        raise Failure(Exit.BAD_CONFIG, text, "mend what was found, then try again")
