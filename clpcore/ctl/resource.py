"""`clp resource`: start, stop and restart one resource of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import operate
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status

_VERBS = (
    Verb(
        "start",
        "Start a resource that was stopped by hand.",
        service="the rest of its group goes on; its monitors look again.",
        example="""
            clp resource start lbpp1
            clp resource start lbpp1 --force    and what it needs
        """,
        after="`clp status` shows it Online, and nothing more about it.",
    ),
    Verb(
        "stop",
        "Stop a resource of a group that is Online. The group stays Online where it is.",
        service="WHAT THE RESOURCE GIVES ENDS, and its monitors are quiet. It stays stopped until "
        "you start it, or its group is moved, fails over, or is started anew.",
        example="""
            clp resource stop lbpp1
            clp resource stop exec1 --force     and what needs it
        """,
        after="do your work, then `clp resource start RESOURCE`.",
    ),
    Verb(
        "restart",
        "Stop and start a resource, and what needs it, where its group is.",
        service="clients of these resources are cut off for that time; the rest goes on.",
        example="clp resource restart exec1",
        after="`clp status` shows it Online.",
    ),
)
_OPS = {
    "start": ("ResourceStart", "runs"),
    "stop": ("ResourceStop", "is stopped"),
    "restart": ("ResourceRestart", "has restarted"),
}


def parser() -> Parser:
    """Give the arguments."""
    made, each = verbs("resource", "Start, stop or restart one resource of a group.", _VERBS)
    for verb, its in each.items():
        its.add_argument("resource", metavar="RESOURCE")
        its.add_argument(
            "--group", metavar="GROUP", help="whose; needed when several groups have one so named"
        )
        if verb != "restart":
            what = "those that it needs" if verb == "start" else "those that need it"
            its.add_argument("--force", action="store_true", help=f"and {what}")
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    group = _group(ask(), args.resource, args.group)
    kind, done = _OPS[args.verb]
    op = {"is": kind, "group": group, "resource": args.resource}
    if args.verb != "restart":
        op["force"] = args.force
    return operate(args, op, f"Resource {args.resource} of {group} {done}", group=group)


def _group(status: Status, resource: str, said: str | None) -> str:
    """Give the group that has *resource*.

    Raises:
        Failure: none has it, or several have, and none was *said*.

    """
    if said:
        names.group(status, said)
    inside = {
        group["name"]: [one["name"] for one in group["resources"]]
        for group in status["groups"]
        if said in (None, group["name"])
    }
    having = [group for group, resources in inside.items() if resource in resources]
    if not having:
        names.check("resource", resource, [name for each in inside.values() for name in each])
    if len(having) > 1:
        text = f"there is a resource {resource!r} in each of {', '.join(having)}"
        raise Failure(Exit.REFUSED, text, f"say which: --group {having[0]}")
    return having[0]
