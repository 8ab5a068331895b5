"""`clp config diff`: what differs between two revisions, or from what is not applied yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clpcore.ctl import config_revisions as shared
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, Verb
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from clpcore.config.plan import Change
    from clpcore.config.revision import Files

VERB = Verb(
    "diff",
    "Show how conf.d and scripts differ from the committed revision, or from an older one, or how "
    "two revisions differ; then what applying the difference would do.",
    service="nothing happens to it.",
    example="""
        clp config diff              what `clp config apply` would change
        clp config diff 3            from revision 3 to conf.d and scripts
        clp config diff 3 4
    """,
    after="`clp config apply`, or `clp config rollback NUMBER`.",
)


def arguments(parser: Parser) -> None:
    """Add its own."""
    parser.add_argument("old", nargs="?", default="", metavar="A", help="default: the committed")
    parser.add_argument("new", nargs="?", default="", metavar="B", help="default: conf.d, scripts")


def run(args: Namespace) -> Exit:
    """Print the differences of the texts, then the plan."""
    from clpcore.config import difference

    kept = shared.archive()
    old = shared.find(kept, args.old)
    before = shared.files_of(kept, old), old.folder / "conf.d"
    name = shared.WORKING
    if args.new:
        new = shared.find(kept, args.new)
        after, name = (shared.files_of(kept, new), new.folder / "conf.d"), new.revision.name
    else:
        after = shared.working_copy()
    names = old.revision.name, name.partition(" ")[0] if not args.new else name
    lines = [plain(line) for line in difference.lines(before[0], after[0], names)]
    plan = _plan(before, after)
    changes = [change.as_json() for change in plan or ()]
    if args.json:
        told = {"old": old.revision.name, "new": name, "lines": lines, "changes": changes}
        print(json.dumps({"schema": 1, **told, "usable": plan is not None}))
        return Exit.DONE
    if not lines:
        print(f"No difference between {old.revision.name} and {name}.")
        return Exit.DONE
    print(*lines, "", sep="\n")
    if plan is None:
        print("One of the two has errors, so that nobody can say what it would do: ")
        print("  clp config check")
    else:
        print(*shared.plan_lines(changes), sep="\n")
    return Exit.DONE


def _plan(old: tuple[Files, Path], new: tuple[Files, Path]) -> tuple[Change, ...] | None:
    """Give what changes, None if one of the two cannot be used."""
    from clpcore import config, host
    from clpcore.config import plan

    registry = host.load()
    before, after = (
        config.load(folder, registry.specs, registry.refused).config for _, folder in (old, new)
    )
    if before is None or after is None:
        return None
    return plan.plan(before, after, (old[0], new[0]))
