"""`clp group`: start, stop, move and fail over a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit
from clpcore.ctl.operate import operate
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

_VERBS = (
    Verb(
        "start",
        "Start a group, on the best server or on the one that you name.",
        service="other groups go on; the resources are activated in order, the address last.",
        example="""
            clp group start failover1
            clp group start failover1 --to node2
        """,
        after="`clp status` shows it Online; if it was refused, `clp why GROUP` tells more.",
    ),
    Verb(
        "stop",
        "Stop a group. It stays stopped until you start it or the whole cluster starts anew.",
        service="IT ENDS: clients are cut off, and no failover brings it back.",
        example="clp group stop failover1",
        after="`clp group start GROUP`, when clients may come again.",
    ),
    Verb(
        "move",
        "Move a group to another server, in the planned way.",
        service="it is stopped where it runs, then started on the other server; clients are cut "
        "off for that time. If it cannot be stopped cleanly, it is not started elsewhere.",
        example="""
            clp group move failover1              to the best other server
            clp group move failover1 --to node2
        """,
        after="`clp status` shows where it is. It stays there; only automatic failback moves it "
        "back.",
    ),
    Verb(
        "failover",
        "Move a group as if its server had failed: scripts and drivers see the event FAILOVER.",
        service="as with `clp group move`: stopped where it runs, then started elsewhere.",
        example="clp group failover failover1 --to node2",
        after="`clp log` shows each step with its time.",
    ),
)
_OPS = {
    "start": ("GroupStart", "runs", "on"),
    "stop": ("GroupStop", "is stopped", ""),
    "move": ("GroupMove", "has moved", "to"),
    "failover": ("GroupFailover", "has moved", "to"),
}


def parser() -> Parser:
    """Give the arguments."""
    made, each = verbs("group", "Start, stop, move or fail over a group.", _VERBS)
    for verb, its in each.items():
        its.add_argument("group", metavar="GROUP")
        if verb != "stop":
            its.add_argument("--to", metavar="SERVER", help="where to; default: the best server")
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    status = ask()
    kind, done, where = _OPS[args.verb]
    op = {"is": kind, "group": names.group(status, args.group)}
    done = f"Group {args.group} {done}"
    if args.verb != "stop":
        op["server"] = names.server(status, args.to) if args.to else ""
        done += f" {where} {args.to}" if args.to else ""
    return operate(args, op, done, group=args.group)
