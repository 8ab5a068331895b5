"""`clp monitor`: suspend, resume, and dummy failures."""

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
        "suspend",
        "Let a monitor stop looking, on one server or on all.",
        service="it goes on, but nobody watches it: a fault is not noticed until you resume.",
        example="""
            clp monitor suspend pidw1
            clp monitor suspend pidw1 --server node2
        """,
        after="`clp monitor resume MONITOR`, as soon as your work is done.",
    ),
    Verb(
        "resume",
        "Let a suspended monitor look again, on one server or on all.",
        service="it is watched again; a fault that is there now causes recovery.",
        example="clp monitor resume pidw1",
        after="`clp status` shows what it sees.",
    ),
    Verb(
        "dummy-failure",
        "In verification mode: let a monitor report an error on one server, until you take it "
        "back with `off`.",
        service="REAL RECOVERY RUNS: its resource is reactivated, then its group fails over. "
        "Leaving verification mode takes every dummy failure back.",
        example="""
            clp cluster verification on
            clp monitor dummy-failure on lbppw1 --server node1
            clp monitor dummy-failure off lbppw1 --server node1
        """,
        after="watch the recovery with `clp status --watch`, then take the failure back and leave "
        "the mode: `clp cluster verification off`.",
    ),
)
_SWITCHES = {
    "suspend": ("MonitorSuspend", "is suspended"),
    "resume": ("MonitorResume", "looks again"),
}


def parser() -> Parser:
    """Give the arguments."""
    made, each = verbs("monitor", "Suspend or resume a monitor, or let it report an error.", _VERBS)
    each["dummy-failure"].add_argument("switch", choices=("on", "off"), metavar="{on,off}")
    for verb, its in each.items():
        default = "this server" if verb == "dummy-failure" else "all servers"
        its.add_argument("monitor", metavar="MONITOR")
        its.add_argument("--server", metavar="SERVER", help=f"where; default: {default}")
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    status = ask()
    monitor = names.monitor(status, args.monitor)
    server = names.server(status, args.server) if args.server else ""
    if args.verb == "dummy-failure":
        return _dummy_failure(args, monitor, server or status["server"])
    kind, what = _SWITCHES[args.verb]
    where = f"on {server}" if server else "on all servers"
    op = {"is": kind, "monitor": monitor, "server": server}
    return operate(args, op, f"Monitor {monitor} {what} {where}")


def _dummy_failure(args: Namespace, monitor: str, server: str) -> Exit:
    on = args.switch == "on"
    op = {"is": "DummyFailure", "monitor": monitor, "server": server, "on": on}
    what = "reports a dummy failure" if on else "has no dummy failure any more"
    return operate(args, op, f"Monitor {monitor} {what} on {server}")
