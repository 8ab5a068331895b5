"""``clprsc``: starts and stops one resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Group, Status
    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clprsc",
        "Start or stop one resource of a group, where its group is.",
        "`clp resource` does the same, and tells more.",
        """
        clprsc -s exec1
        clprsc -t exec1
        """,
    )
    verb = made.add_mutually_exclusive_group(required=True)
    verb.add_argument("-s", dest="verb", action="store_const", const="start", help="start")
    verb.add_argument("-t", dest="verb", action="store_const", const="stop", help="stop")
    made.add_argument("resource", metavar="RESOURCE")
    entry.add_server(made, "refuse if its group is not there")
    made.add_argument(
        "-f",
        dest="force",
        action="store_true",
        help="-s: and those that it needs; -t: and those that need it",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    status = ask()
    group = holder(status, args.resource)
    if args.server and names.server(status, args.server) != group["server"]:
        text = f"group {group['name']} of {args.resource} does not run on {args.server}"
        raise Failure(Exit.REFUSED, text, f"clpgrp -n {group['name']} prints where it does")
    op = {
        "is": "ResourceStart" if args.verb == "start" else "ResourceStop",
        "group": group["name"],
        "resource": args.resource,
        "force": args.force,
    }
    return entry.do([op])


def holder(status: Status, resource: str) -> Group:
    """Give the group that has *resource*.

    Raises:
        Failure: none has it, or more than one.

    """
    having = [g for g in status["groups"] if resource in {r["name"] for r in g["resources"]}]
    known = [each["name"] for group in status["groups"] for each in group["resources"]]
    names.check("resource", resource, known)
    if len(having) > 1:
        text = f"{resource} is in {' and '.join(group['name'] for group in having)}"
        raise Failure(Exit.REFUSED, text, "`clp` takes the group beside the resource")
    return having[0]
