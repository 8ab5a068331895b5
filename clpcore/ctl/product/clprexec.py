"""``clprexec``: an event from outside: fail a group over, run a script, turn a monitor to error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry, notices, scripts
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clprexec",
        "Tell the cluster of an event outside of it: fail a group over, run a script of "
        "/etc/clpcore/requests, or give a notice to a message-receive monitor (mrw), which is "
        "then in error until the notice is cleared.",
        "`clp group failover` fails a group over, too.",
        """
        clprexec --failover failover1
        clprexec --script backup.sh
        clprexec --notice mrw1 -k NIC.eth0
        clprexec --clear mrw1
        """,
    )
    verb = made.add_mutually_exclusive_group(required=True)
    verb.add_argument("--failover", metavar="GROUP", help="fail it over to the best other server")
    verb.add_argument("--script", metavar="SCRIPT", help="the name of a file there")
    verb.add_argument("--notice", metavar="MONITOR", help="give a notice; needs -k")
    verb.add_argument("--clear", metavar="MONITOR", help="take notices back; -k: only those")
    made.add_argument(
        "-k", dest="key", type=notices.key, metavar="CATEGORY[.KEYWORD]", help="what it is about"
    )
    entry.add_server(
        made, "notices: to its monitor; --failover: refuse if the group runs elsewhere"
    )
    entry.add_wait(made, default=scripts.PATIENCE)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    if args.script:
        return scripts.run(args.script, args.server, "clprexec", args.wait)
    if args.failover:
        return _fail_over(args)
    if args.notice and args.key is None:
        raise Failure(Exit.USAGE, "--notice needs -k", "for example: -k NIC.eth0")
    status = ask()
    server = entry.here_or(status, args.server)
    monitor = args.notice or args.clear
    notices.ask(status, monitor, server, args.key, clear=bool(args.clear))
    print(entry.SUCCEEDED)
    return Exit.DONE


def _fail_over(args: Namespace) -> int:
    status = ask()
    names.group(status, args.failover)
    group = next(group for group in status["groups"] if group["name"] == args.failover)
    if args.server and names.server(status, args.server) != group["server"]:
        text = f"group {args.failover} does not run on {args.server}"
        raise Failure(Exit.REFUSED, text, f"clpgrp -n {args.failover} prints where it does")
    return entry.do([{"is": "GroupFailover", "group": args.failover, "server": ""}])
