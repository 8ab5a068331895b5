"""`clp config history`: the revisions that this server keeps, and what each server runs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from clpcore.ctl import config_revisions as shared
from clpcore.ctl import control
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Verb
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.runtime.revisions.archive import Filed

VERB = Verb(
    "history",
    "Show the revisions that are kept here: number, digest, when, by whom, from which server and "
    "why. The committed one is marked; if servers have different ones, each is named.",
    service="nothing happens to it.",
    example="clp config history",
    after="`clp config diff A B` compares two; `clp config rollback NUMBER` goes back to one.",
)


def run(args: Namespace) -> Exit:
    """Print one line for each, oldest first."""
    kept = shared.archive()
    now, servers = kept.current(), _servers()
    filed = kept.all()
    if args.json:
        current = now.revision.name if now else None
        rows = [each.as_json() for each in filed]
        told = {"schema": 1, "current": current, "revisions": rows, "servers": servers}
        print(json.dumps(told))
        return Exit.DONE
    for each in filed:
        mark = "*" if now and each.revision == now.revision else " "
        print(f"{mark} {_row(each)}".rstrip())
    if len(set(servers.values())) > 1:
        print("Servers have different ones:")
        print(*(f"  {name}  {revision}" for name, revision in servers.items()), sep="\n")
    return Exit.DONE


def _row(filed: Filed) -> str:
    about = filed.about
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(about.at / 1_000))
    origin = "@".join(filter(None, (about.by, about.server))) or "the agent"
    return plain(f"{filed.revision.name}  {when}  {origin:<16}  {about.comment}")


def _servers() -> dict[str, str]:
    """Give the revision of each server as the agent hears it; none without an agent."""
    try:
        found: dict[str, str] = control.ask(do="status")["status"].get("revisions", {})
    except Failure:
        return {}
    return found
