"""``clpgrp``: starts, stops and moves groups, and tells where one runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Group, Status
    from clpcore.ctl.parsing import Parser

_IDLE: Final = {"Offline", "Error", "Unknown"}


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpgrp",
        "Start, stop or move a group, or every one if none is named; or print where one runs.",
        "`clp group` does the same, and tells more.",
        """
        clpgrp -s failover1
        clpgrp -m failover1 -a node2
        clpgrp -n failover1
        """,
    )
    verb = made.add_mutually_exclusive_group(required=True)
    verb.add_argument("-s", dest="verb", action="store_const", const="start", help="start")
    verb.add_argument("-t", dest="verb", action="store_const", const="stop", help="stop")
    verb.add_argument("-m", dest="verb", action="store_const", const="move", help="move")
    verb.add_argument("-n", dest="verb", action="store_const", const="where", help="print where")
    made.add_argument("group", nargs="?", metavar="GROUP")
    entry.add_server(made, "-s: start it there; -t, -m: only what runs there")
    made.add_argument("-a", dest="to", metavar="SERVER", default="", help="-m: where to")
    made.add_argument(
        "-f", dest="force", action="store_true", help="-s: move it there if it runs elsewhere"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    if args.to and args.verb != "move":
        raise Failure(Exit.USAGE, "-a belongs to -m", "-s takes the server as -h")
    if args.verb == "where" and not args.group:
        raise Failure(Exit.USAGE, "-n needs a group", "for example: clpgrp -n failover1")
    status = ask()
    for name in filter(None, (args.server, args.to)):
        names.server(status, name)
    if args.verb == "where":
        return _where(status, args.group)
    chosen = _chosen(args, status)
    if args.group and not chosen:
        text = f"group {args.group} does not run on {args.server}"
        raise Failure(Exit.REFUSED, text, f"clpgrp -n {args.group} prints where it does")
    if args.group:
        return entry.do(_op(args, group) for group in chosen)
    return entry.do_groups({group["name"]: _op(args, group) for group in chosen})


def _where(status: Status, name: str) -> int:
    """Print the server of a group; nothing where it runs nowhere, as the product does."""
    names.group(status, name)
    group = next(group for group in status["groups"] if group["name"] == name)
    if group["server"] and group["state"] != "Offline":
        print(group["server"])
    return Exit.DONE


def _chosen(args: Namespace, status: Status) -> list[Group]:
    """Give the group that was named, or all that there is something to do for."""
    groups = status["groups"]
    if args.group:
        names.group(status, args.group)
        groups = [group for group in groups if group["name"] == args.group]
    elif args.verb == "start":
        return [group for group in groups if group["state"] in _IDLE]
    else:
        groups = [group for group in groups if group["state"] != "Offline"]
    if args.server and args.verb != "start":
        groups = [group for group in groups if group["server"] == args.server]
    return groups


def _op(args: Namespace, group: Group) -> dict[str, object]:
    """Give the operation for one group."""
    name, server = group["name"], args.server
    elsewhere = group["state"] == "Online" and server not in {"", group["server"]}
    if args.verb == "start" and args.force and elsewhere:
        return {"is": "GroupMove", "group": name, "server": server}
    match args.verb:
        case "start":
            return {"is": "GroupStart", "group": name, "server": server}
        case "stop":
            return {"is": "GroupStop", "group": name}
        case _:
            return {"is": "GroupMove", "group": name, "server": args.to}
