"""`clp server`: start and stop the cluster service of one server; what is said about servers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from clpcore.ctl import names, questions
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import operate, tell_nothing
from clpcore.ctl.page import UNPROVEN
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Server, Status

_VERBS = (
    Verb(
        "start",
        "Start the cluster service on a server whose agent runs, this one if none is named.",
        service="it goes on where it is; a group with automatic failback may move to its home.",
        example="""
            clp server start
            clp server start --alone    the other servers are off, I have seen it myself
        """,
        after="`clp status`; if the server waits, `clp why SERVER` tells for whom.",
    ),
    Verb(
        "stop",
        "Stop the cluster service on one server, this one if none is named. Its agent stays.",
        service="what runs there is moved to another server, in the planned way, and ends where "
        "no other server can take it.",
        example="""
            clp server stop node2
            clp server stop node2 --then reboot     and its machine
        """,
        after="do your work, reboot it if you like, then `clp server start SERVER`.",
    ),
    Verb(
        "drain",
        "Take a server out of service: its groups move away and no other comes, also after a "
        "reboot, until you undrain it.",
        service="each group is moved in the planned way; one that no other server can take goes "
        "on where it is, and moves as soon as one can.",
        example="clp server drain node2",
        after="do your work, then `clp server undrain SERVER`.",
    ),
    Verb(
        "undrain",
        "Take a drained server back into service.",
        service="it goes on where it is; a group with automatic failback may move to its home.",
        example="clp server undrain node2",
        after="`clp group move GROUP`, if a group shall come back that does not by itself.",
    ),
    Verb(
        "expect-freeze",
        "Announce that a machine will be paused for a moment, by a live migration for example: for "
        "a while its silence is tolerated for freeze_timeout instead of heartbeat_timeout.",
        service="it goes on where it is. If the server really dies meanwhile, its groups are taken "
        "over later.",
        example="""
            clp server expect-freeze node2 --for 600
            clp server expect-freeze node2 --for 0      it is over
        """,
        after="`clp status` tells when it is known; on Azure clp-azureevents does all of this.",
    ),
    Verb(
        "confirm-down",
        "Give your word that a silent server has stopped, where no forced stop could prove it. "
        "Look at the machine first: power off, or the virtual machine deallocated.",
        service="its groups are taken over. IF IT RUNS AFTER ALL, THEY RUN TWICE, and two servers "
        "write the same data.",
        example="""
            clp server confirm-down node1
            clp server confirm-down node1 --yes     without the question, for scripts
        """,
        after="`clp status --watch`, until every group is Online. Switched on again, the server "
        "joins by itself.",
    ),
)


def parser() -> Parser:
    """Give the arguments."""
    sentence = (
        "Start or stop the cluster service of one server, take its groups away, or confirm that "
        "it has stopped."
    )
    made, each = verbs("server", sentence, _VERBS)
    for verb, its in each.items():
        if verb == "confirm-down":
            its.add_argument("server", metavar="NAME")
            its.add_argument("--yes", action="store_true", help="do not ask: I have looked")
        else:
            its.add_argument("server", nargs="?", metavar="NAME", help="default: this server")
    add_then(each["stop"])
    each["expect-freeze"].add_argument(
        "--for",
        dest="seconds",
        type=int,
        default=600,
        metavar="SECONDS",
        help="how long it may come, up to 1200 (default: 600); 0: it is over",
    )
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
        if args.alone and (nothing := _nothing_to_do(status, server)):
            return tell_nothing(args, *nothing)
        op = {"is": "ServerStart", "server": server, "alone": args.alone}
        return operate(args, op, f"The cluster service of {server} runs", joins=server)
    if args.verb == "confirm-down":
        return _confirm_down(args, status, server)
    if args.verb == "expect-freeze":
        return _expect_freeze(args, server)
    if args.verb != "stop":
        on = args.verb == "drain"
        done = "is drained" if on else "takes groups again"
        return operate(
            args, {"is": "ServerDrain", "server": server, "on": on}, f"Server {server} {done}"
        )
    op = {"is": "ServerStop", "server": server}
    return operate(args, with_then(op, args.then), f"The cluster service of {server} is stopped")


def _expect_freeze(args: Namespace, server: str) -> Exit:
    op = {"is": "ServerExpectFreeze", "server": server, "ms": args.seconds * 1_000}
    told = "expected" if args.seconds > 0 else "no longer expected"
    return operate(args, op, f"A freeze of {server} is {told}")


def _confirm_down(args: Namespace, status: Status, server: str) -> Exit:
    """Say what the word risks, ask for it, and give it."""
    its = [group["name"] for group in status["groups"] if group["server"] == server]
    groups = ", ".join(its) or "its groups"
    if not args.yes:
        _consent(server, groups)
    op = {"is": "ServerConfirmDown", "server": server}
    return operate(args, op, f"Server {server} counts as stopped, by your word")


def _consent(server: str, groups: str) -> None:
    """Ask, and take nothing but the server's name for a yes.

    Raises:
        Failure: nobody is there to answer, or another answer was given.

    """
    print(
        f"{server} is taken for stopped from now on, and {groups} will be started elsewhere.\n"
        f"IF {server} RUNS AFTER ALL, THEY RUN TWICE and its data can be damaged. Look first: is "
        "its power off, its virtual machine deallocated?",
        file=sys.stderr,
    )
    asks = questions.Questions(asks=sys.stdin.isatty())
    answer = asks.ask("--yes", f"Type {server} to say that it has stopped", lambda _: "")
    asks.refuse_if_missing()
    if answer != server:
        text = f"{answer!r} is not {server!r}: nothing was said"
        raise Failure(Exit.REFUSED, text, "look at the machine, then ask again")


def add_then(parser: Parser) -> None:
    """Add what a machine does when its server has left."""
    parser.add_argument(
        "--then",
        choices=("shutdown", "reboot"),
        metavar="{shutdown,reboot}",
        help="and then the machine, too; default: it stays, and its agent",
    )


def with_then(op: dict[str, object], then: str | None) -> dict[str, object]:
    """Give *op* with it."""
    return {**op, "then": then} if then else op


def _nothing_to_do(status: Status, server: str) -> tuple[str, str] | None:
    """Give why a word about silent servers changes nothing, and what would; None if it may."""
    state = {one["name"]: one["state"] for one in status["servers"]}
    doubtful = [o["name"] for o in status["servers"] if o["state"] == "Unknown" and not _proven(o)]
    if state[server] != "Online" or doubtful:
        return None
    text = f"{server} is Online, and no server is silent that is not known to be stopped"
    left = [name for name, shown in state.items() if shown == "Offline"]
    return text, "; ".join(f"{name} has left cleanly: clp server start {name}" for name in left)


def _proven(server: Server) -> bool:
    return bool(server["evidence"]) and server["evidence"] not in UNPROVEN
