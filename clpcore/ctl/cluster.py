"""`clp cluster`: start and stop the cluster service everywhere, and verification mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit
from clpcore.ctl.operate import operate
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

_VERBS = (
    Verb(
        "start",
        "Start the cluster service on every server whose agent runs.",
        service="servers that are in go on; groups that start automatically are started, "
        "also those that an operator had stopped.",
        example="clp cluster start",
    ),
    Verb(
        "stop",
        "Stop the cluster service on every server. The agents stay, Offline, and can start it.",
        service="IT ENDS: every group is stopped and none is moved; clients are cut off.",
        example="clp cluster stop",
    ),
    Verb(
        "verification",
        "Enter or leave verification mode, in which monitors may be given dummy failures.",
        service="it goes on, and real faults are still repaired. Leaving takes every dummy "
        "failure back.",
        example="""
            clp cluster verification on
            clp cluster verification off
        """,
    ),
)


def parser() -> Parser:
    """Give the arguments."""
    sentence = "Start or stop the cluster service on every server, or enter verification mode."
    made, each = verbs("cluster", sentence, _VERBS)
    each["verification"].add_argument("switch", choices=("on", "off"))
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    match args.verb:
        case "verification":
            op = {"is": "Verification", "on": args.switch == "on"}
            return operate(args, op, f"Verification mode is {args.switch}")
        case "start":
            me = ask()["server"]
            done = f"The cluster service runs on {me}, and starts on all others"
            return operate(args, {"is": "ClusterStart"}, done, joins=me)
        case _:
            return operate(args, {"is": "ClusterStop"}, "The cluster service is stopped")
