"""``clpmonctrl``: suspends and resumes monitors on one server, and gives them dummy failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser

_VERBS = {
    "-s": ("suspend", "suspend"),
    "-r": ("resume", "resume"),
    "-e": ("dummy", "verification mode: let it report an error"),
    "-n": ("real", "take that back"),
}


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpmonctrl",
        "Suspend or resume a monitor on one server, or every one if none is named; or let one "
        "report a dummy failure.",
        "`clp monitor` does the same, and tells more.",
        """
        clpmonctrl -s -m pidw1
        clpmonctrl -r
        clpmonctrl -e -m lbppw1 -h node2
        """,
    )
    group = made.add_mutually_exclusive_group(required=True)
    for option, (verb, what) in _VERBS.items():
        group.add_argument(option, dest="verb", action="store_const", const=verb, help=what)
    made.add_argument("-m", dest="monitor", metavar="MONITOR", default="", help="default: all")
    entry.add_server(made, "where; default: this server")
    entry.add_wait(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    if args.verb == "dummy" and not args.monitor:
        text = "-e needs a monitor: a dummy failure of all would run all recoveries at once"
        raise Failure(Exit.USAGE, text, "for example: clpmonctrl -e -m pidw1")
    status = ask()
    server = entry.here_or(status, args.server)
    if args.monitor:
        names.monitor(status, args.monitor)
    chosen = [args.monitor] if args.monitor else [one["name"] for one in status["monitors"]]
    return entry.do((_op(args.verb, name, server) for name in chosen), args.wait)


def _op(verb: str, monitor: str, server: str) -> dict[str, object]:
    where: dict[str, object] = {"monitor": monitor, "server": server}
    match verb:
        case "suspend":
            return {"is": "MonitorSuspend", **where}
        case "resume":
            return {"is": "MonitorResume", **where}
        case _:
            return {"is": "DummyFailure", **where, "on": verb == "dummy"}
