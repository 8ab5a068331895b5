"""``clpcl``: starts and stops the cluster service of a server, or of all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clpcore.ctl import operate
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status
    from clpcore.ctl.parsing import Parser

_BEGUN = 5.0  # seconds until a start that was taken counts as done, where -w does not say more
_VERBS = {
    "-s": ("start", "start the cluster service"),
    "-t": ("stop", "stop it; its groups move away, with -a they end"),
    "-r": ("restart", "stop it, then start it"),
    "--suspend": ("suspend", "of the whole cluster: no monitor looks, nothing fails over"),
    "--resume": ("resume", "end that"),
}
_DAEMONS = ("web", "alert", "ib", "api", "md", "rm")


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpcl",
        "Start or stop the cluster service of this server, of one that is named, or of all. The "
        "agents stay and can start it again.",
        "`clp server` and `clp cluster` do the same, and tell more.",
        """
        clpcl -s -a
        clpcl -t -h node2
        clpcl -t -a -w 300
        """,
    )
    verbs = made.add_mutually_exclusive_group(required=True)
    for option, (verb, what) in _VERBS.items():
        verbs.add_argument(option, dest="verb", action="store_const", const=verb, help=what)
    made.add_argument("-a", dest="all", action="store_true", help="on all servers")
    entry.add_server(made, "there; default: this server")
    entry.add_wait(made, default=None)
    made.add_argument(
        "--force", action="store_true", help="-s: silent servers ARE STOPPED, on your word"
    )
    for daemon in _DAEMONS:
        help_ = "a daemon of the product; here the agent does its work, and nothing is done"
        made.add_argument(
            f"--{daemon}", dest="daemons", action="append_const", const=daemon, help=help_
        )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    if args.all and args.server:
        raise Failure(Exit.USAGE, "-a and -h exclude each other", "see `clpcl --help`")
    if args.force and args.verb != "start":
        raise Failure(Exit.USAGE, "--force belongs to -s", "see `clpcl --help`")
    status = ask()
    if args.daemons:  # scripts restart them after `clpcfctrl --push`
        print(entry.SUCCEEDED)
        return Exit.DONE
    match args.verb:
        case "start":
            return _start(args, status)
        case "stop":
            return _stop(args, status)
        case "restart":
            return _stop(args, status) or _start(args, ask())
        case _:
            return _pause(args, status)


def _servers(args: Namespace, status: Status) -> list[str]:
    if args.all:
        return [server["name"] for server in status["servers"]]
    return [entry.here_or(status, args.server)]


def _start(args: Namespace, status: Status) -> int:
    states = {server["name"]: server["state"] for server in status["servers"]}
    servers = _servers(args, status)
    together = args.all and not args.force and "Online" not in states.values()
    began = time.monotonic()
    if together:  # groups that an operator had stopped start, too
        _begin({"is": "ClusterStart"}, args.wait, status["server"])

    def start(server: str) -> str | None:
        if states[server] == "Online" and not args.force:
            return "Performed startup processing to the active cluster service."
        _reached(states, server)
        if not together:
            op = {"is": "ServerStart", "server": server, "alone": args.force}
            _begin(op, args.wait, server)
        elif args.wait is not None:
            operate.until_online(server, began, args.wait)
        return None

    # This one last: its agent may start anew, and can ask no other one meanwhile.
    return entry.each("Start", sorted(servers, key=status["server"].__eq__), start)


def _begin(op: Mapping[str, object], wait: float | None, server: str) -> None:
    """Ask for a start; without *wait* it need only have begun, as with the product.

    Raises:
        Failure: refused, or not Online in time.

    """
    try:
        operate.carry_out(op, _BEGUN if wait is None else wait, joins=server)
    except Failure as failure:
        if wait is not None or failure.code is not Exit.UNKNOWN:
            raise


def _stop(args: Namespace, status: Status) -> int:
    states = {server["name"]: server["state"] for server in status["servers"]}
    wait = entry.PATIENCE if args.wait is None else args.wait
    if args.all:
        operate.carry_out({"is": "ClusterStop"}, wait)

    def stop(server: str) -> None:
        _reached(states, server)
        if not args.all:
            operate.carry_out({"is": "ServerStop", "server": server}, wait)

    return entry.each("Stop", _servers(args, status), stop)


def _pause(args: Namespace, status: Status) -> int:
    """Suspend or resume the cluster, which is always the whole of it."""
    wait = entry.PATIENCE if args.wait is None else args.wait
    states = {server["name"]: server["state"] for server in status["servers"]}
    word = args.verb.capitalize()
    operate.carry_out({"is": f"Cluster{word}"}, wait)
    return entry.each(word, states, lambda server: _reached(states, server))


def _reached(states: Mapping[str, str], server: str) -> None:
    """Refuse a server whose agent is not heard.

    Raises:
        Failure: it is not.

    """
    if states[server] == "Unknown":
        text = f"the agent of {server} is not heard: nothing could be asked of it"
        raise Failure(Exit.REFUSED, text, f"clp why {server}")
