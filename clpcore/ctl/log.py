"""`clp log`: what happened, one numbered sentence a line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from clpcore.ctl import control, rows
from clpcore.ctl.ends import Exit
from clpcore.ctl.parsing import Parser, command, whole_number
from clpcore.ctl.screen import paint_for

if TYPE_CHECKING:
    from argparse import Namespace


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
            clp log --json | jq -r 'select(.severity == "error") | .text'
        """,
    )
    made.add_argument(
        "-n", dest="lines", type=whole_number, default=30, metavar="N", help="last N (default 30)"
    )
    made.add_argument("--follow", action="store_true", help="go on with what comes, until Ctrl-C")
    return made


def run(args: Namespace) -> Exit:
    """Print the sentences."""
    paint = paint_for(sys.stdout)
    within = None if args.follow else control.ANSWER_WITHIN
    try:
        for reply in control.stream(within, do="log", lines=args.lines, follow=args.follow):
            row = reply["row"]
            print(json.dumps(rows.told(row)) if args.json else rows.line(row, paint), flush=True)
    except KeyboardInterrupt:
        if not args.follow:
            raise
    return Exit.DONE
