"""`clp log`: what happened, one numbered sentence a line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from clpcore.ctl import control, rows
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, command, whole_number
from clpcore.ctl.screen import paint_for
from clpcore.ctl.since import moment

if TYPE_CHECKING:
    from argparse import Namespace

_SEVERITIES: Final = ("info", "warning", "error")


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "log",
        "Show the journal of this server: time, server, number, severity and sentence of "
        "everything that was decided here.",
        service="nothing happens to it; this only looks.",
        example="""
            clp log -n 100
            clp log --follow            also what comes, until Ctrl-C
            clp log --severity warning --since 2h
            clp log --about failover1 --id rc60,rc11
            clp log --json | jq -r 'select(.severity == "error") | .text'
        """,
        after="`clp why THING` picks out what concerns one thing, and adds the next step.",
    )
    made.add_argument(
        "-n", dest="lines", type=whole_number, default=30, metavar="N", help="last N (default 30)"
    )
    made.add_argument("--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    made.add_argument("--severity", choices=_SEVERITIES, help="of this severity, or a worse one")
    made.add_argument("--id", type=_words, metavar="ID[,ID]", help="only these numbers, as rc60")
    made.add_argument("--module", type=_words, metavar="M[,M]", help="only of nm, rc, rm, ...")
    made.add_argument("--about", metavar="NAME", help="only with this group, monitor, ... in it")
    made.add_argument("--server", metavar="NAME", help="only about this server")
    made.add_argument(
        "--since", type=moment, metavar="WHEN", help="10min, 2h, 1d, 21:00 or '2026-11-22 21:00'"
    )
    return made


def _words(text: str) -> list[str]:
    return [word for part in text.split(",") if (word := part.strip())]


def run(args: Namespace) -> Exit:
    """Print the sentences."""
    paint = paint_for(sys.stdout)
    within = None if args.follow else control.ANSWER_WITHIN
    wanted = _wanted(args)
    try:
        for reply in control.stream(
            within, do="log", lines=args.lines, follow=args.follow, **wanted
        ):
            row = reply["row"]
            print(json.dumps(rows.told(row)) if args.json else rows.line(row, paint), flush=True)
    except KeyboardInterrupt:
        if not args.follow:
            raise
    return Exit.DONE


def _wanted(args: Namespace) -> dict[str, object]:
    """Give the filters that were typed, as the agent reads them."""
    worse = _SEVERITIES[_SEVERITIES.index(args.severity) :] if args.severity else ()
    wanted: dict[str, object] = {
        "severities": list(worse),
        "ids": args.id,
        "modules": args.module,
        "about": args.about,
        "server": args.server,
        "since": args.since,
    }
    return {name: value for name, value in wanted.items() if value}
