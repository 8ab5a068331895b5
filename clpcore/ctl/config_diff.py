"""`clp config diff`: what differs between two revisions, or from what is not applied yet."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, NamedTuple

from clpcore.ctl import config_revisions as shared
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, Verb
from clpcore.ctl.plugged import with_plugins
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from clpcore.config.revision import Files
    from clpcore.host import Registry
    from clpcore.runtime.revisions.archive import Archive

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
    kept = shared.archive()
    old = _kept(kept, args.old)
    new = _kept(kept, args.new) if args.new else _edited()
    lines = _lines(old, new)
    wrong, changes = with_plugins(functools.partial(_plan, old, new)) if lines else (None, [])
    if args.json:
        told = {"old": old.name, "new": new.name, "lines": lines, "changes": changes}
        print(json.dumps({"schema": 1, **told, "usable": wrong is None}))
        return Exit.DONE
    if not lines:
        print(f"No difference: {new.title} {'is' if args.new else 'are'} as {old.title}.")
        return Exit.DONE
    print(*lines, "", sep="\n")
    if wrong is not None:
        verb = "has" if wrong.kept else "have"
        print(f"Nobody can say what this changes: {wrong.title} {verb} errors. They are told by")
        print(f"  clp config check{f' {wrong.conf}' if wrong.kept else ''}")
    else:
        print(*shared.plan_lines(changes), sep="\n")
    return Exit.DONE


class _Side(NamedTuple):
    """One of the two: *place* is what its paths are below, *kept* tells that it is a revision."""

    name: str
    title: str
    place: str
    files: Files
    conf: Path
    kept: bool


def _kept(archive: Archive, wanted: str) -> _Side:
    found = shared.find(archive, wanted)
    name, files = found.revision.name, shared.files_of(archive, found)
    return _Side(name, f"revision {name}", name, files, found.folder / "conf.d", kept=True)


def _edited() -> _Side:
    files, conf = shared.working_copy()
    return _Side(shared.WORKING, shared.WORKING, str(conf.parent), files, conf, kept=False)


def _lines(old: _Side, new: _Side) -> list[str]:
    from clpcore.config import difference

    return [plain(line) for line in difference.lines(old.files, new.files, (old.place, new.place))]


def _plan(
    old: _Side, new: _Side, registry: Registry
) -> tuple[_Side | None, list[dict[str, object]]]:
    """Give what changes, or which of the two cannot be used."""
    from clpcore import config
    from clpcore.config import plan

    found = []
    for side in (new, old):
        loaded = config.load(side.conf, registry.specs, registry.refused)
        if loaded.config is None:
            return side, []
        found.append(loaded.config)
    after, before = found
    changes = plan.plan(before, after, (old.files, new.files))
    return None, [change.as_json() for change in changes]
