"""``clptrnreq``: asks this server to fail a group over, or to run a script made for requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry, scripts
from clpcore.ctl.product.clprsc import holder
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status
    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clptrnreq",
        "Fail over the group of a resource, or every group of a server; or run a script of "
        "/etc/clpcore/requests on this server.",
        "`clp group failover` fails a group over, too.",
        """
        clptrnreq -t GRP_FAILOVER -r exec1
        clptrnreq -t EXEC_SCRIPT -s backup.sh
        """,
    )
    kinds = ("GRP_FAILOVER", "EXEC_SCRIPT")
    made.add_argument("-t", dest="kind", choices=kinds, required=True, metavar="REQUEST")
    entry.add_server(made, "GRP_FAILOVER: of what runs there; EXEC_SCRIPT: this server only")
    made.add_argument("-r", dest="resource", metavar="RESOURCE", help="GRP_FAILOVER: of its group")
    made.add_argument("-s", dest="script", metavar="SCRIPT", help="EXEC_SCRIPT: its file's name")
    entry.add_wait(made, default=scripts.PATIENCE)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    if args.kind == "EXEC_SCRIPT":
        if not args.script:
            raise Failure(
                Exit.USAGE, "EXEC_SCRIPT needs -s", "name a file of /etc/clpcore/requests"
            )
        return scripts.run(args.script, args.server, "clptrnreq", args.wait)
    status = ask()
    groups = _groups(args, status)
    if not groups:
        text = f"no group runs on {entry.here_or(status, args.server)}"
        raise Failure(Exit.REFUSED, text, "clpstat -g shows where they run")
    ops = {name: {"is": "GroupFailover", "group": name, "server": ""} for name in groups}
    return entry.do_groups(ops)


def _groups(args: Namespace, status: Status) -> list[str]:
    """Give the group of the resource, or all that run on the server."""
    server = entry.here_or(status, args.server)
    if args.resource:
        group = holder(status, args.resource)
        if args.server and group["server"] != names.server(status, args.server):
            return []
        return [group["name"]]
    return [g["name"] for g in status["groups"] if (g["server"], g["state"]) == (server, "Online")]
