"""`clp server`: start and stop the cluster service of one server."""

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
        "Start the cluster service on a server whose agent runs, this one if none is named.",
        service="it goes on where it is; a group with automatic failback may move to its home.",
        example="""
            clp server start
            clp server start --alone    the other servers are down, I have seen it myself
        """,
    ),
    Verb(
        "stop",
        "Stop the cluster service on one server, this one if none is named. Its agent stays.",
        service="what runs there is moved to another server, in the planned way, and ends where "
        "no other server can take it.",
        example="clp server stop node2",
    ),
)


def parser() -> Parser:
    """Give the arguments."""
    sentence = "Start or stop the cluster service of one server."
    made, each = verbs("server", sentence, _VERBS)
    for its in each.values():
        its.add_argument("server", nargs="?", metavar="NAME", help="default: this server")
    each["start"].add_argument(
        "--alone",
        action="store_true",
        help="do not wait for silent servers. THIS IS YOUR WORD THAT THEY ARE STOPPED: "
        "if one is only cut off, its groups run twice",
    )
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    status = ask()
    server = names.server(status, args.server) if args.server else status["server"]
    if args.verb == "start":
        op = {"is": "ServerStart", "server": server, "alone": args.alone}
        return operate(args, op, f"The cluster service of {server} runs", joins=server)
    op = {"is": "ServerStop", "server": server}
    return operate(args, op, f"The cluster service of {server} is stopped")
