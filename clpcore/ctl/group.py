"""`clp group`: start, stop, restart, move and fail over a group, or all of them."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Final

from clpcore.ctl import names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import operate, tell_nothing
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.status import ask
from clpcore.ctl.together import operate_all

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status

_VERBS = (
    Verb(
        "start",
        "Start a group, on the best server or on the one that you name.",
        service="other groups go on; the resources are activated in order, the address last.",
        example="""
            clp group start failover1
            clp group start failover1 --to node2
            clp group start --all                 every group that is not Online
        """,
        after="`clp status` shows it Online; if it was refused, `clp why GROUP` tells more.",
    ),
    Verb(
        "stop",
        "Stop a group. It stays stopped until you start it or the whole cluster starts anew.",
        service="IT ENDS: clients are cut off, and no failover brings it back.",
        example="clp group stop failover1",
        after="`clp group start GROUP`, when clients may come again.",
    ),
    Verb(
        "restart",
        "Stop and start a group where it is.",
        service="clients are cut off for that time. It starts what was stopped by hand, too.",
        example="clp group restart failover1",
        after="`clp status` shows it Online.",
    ),
    Verb(
        "move",
        "Move a group to another server, in the planned way.",
        service="it is stopped where it runs, then started on the other server; clients are cut "
        "off for that time. If it cannot be stopped cleanly, it is not started elsewhere.",
        example="""
            clp group move failover1              to the best other server
            clp group move failover1 --to node2
        """,
        after="`clp status` shows where it is. It stays there; only automatic failback moves it "
        "back.",
    ),
    Verb(
        "failover",
        "Move a group as if its server had failed: scripts and drivers see the event FAILOVER.",
        service="as with `clp group move`: stopped where it runs, then started elsewhere.",
        example="clp group failover failover1 --to node2",
        after="`clp log` shows each step with its time.",
    ),
)
_OPS = {
    "start": ("GroupStart", "runs", "on"),
    "stop": ("GroupStop", "is stopped", ""),
    "restart": ("GroupRestart", "has restarted", ""),
    "move": ("GroupMove", "has moved", "to"),
    "failover": ("GroupFailover", "has moved", "to"),
}
_LEAVES: Final = frozenset({"move", "failover"})
_TOLD_WITHIN: Final = 5.0  # seconds; heartbeats carry where groups are
_LOOK_EVERY: Final = 0.1  # seconds


def parser() -> Parser:
    """Give the arguments."""
    sentence = "Start, stop, restart, move or fail over a group, or all of them."
    made, each = verbs("group", sentence, _VERBS)
    for verb, its in each.items():
        its.add_argument("group", nargs="?", metavar="GROUP")
        its.add_argument("--all", action="store_true", help="every group, instead of one")
        if _OPS[verb][2]:
            its.add_argument("--to", metavar="SERVER", help="where to; default: the best server")
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    if bool(args.group) == args.all:
        text = f"`clp group {args.verb}` takes a group, or --all"
        raise Failure(Exit.USAGE, text, f"for example: clp group {args.verb} failover1")
    status = ask()
    kind, done, word = _OPS[args.verb]
    op: dict[str, object] = {"is": kind}
    if word:
        op["server"] = names.server(status, args.to) if args.to else ""
    if args.all:
        done += f" {word} {args.to}" if word and args.to else ""
        return _all(args, status, op, done)
    op["group"] = names.group(status, args.group)
    place = functools.partial(_place, status, args) if word else None
    return operate(
        args, op, f"Group {args.group} {done} {word}".strip(), group=args.group, place=place
    )


def _place(before: Status, args: Namespace) -> str:
    """Give the server that the group came to; empty if the agent here does not hear it in time."""
    if args.to:
        return str(args.to)
    former = _server(before, args.group) if args.verb in _LEAVES else ""
    deadline = time.monotonic() + _TOLD_WITHIN
    with contextlib.suppress(Failure):  # what was asked for is done all the same
        while time.monotonic() < deadline:
            if (server := _server(ask(), args.group)) not in {"", former}:
                return server
            time.sleep(_LOOK_EVERY)
    return ""


def _server(status: Status, group: str) -> str:
    return next(one["server"] or "" for one in status["groups"] if one["name"] == group)


def _all(args: Namespace, status: Status, op: dict[str, object], done: str) -> Exit:
    """Ask it of every group of which there is something to ask."""
    starts = args.verb == "start"
    idle = {"Offline", "Error", "Unknown"} if starts else {"Offline"}
    chosen = [
        group["name"]
        for group in status["groups"]
        if (group["state"] in idle) is starts
        and (args.verb not in _LEAVES or group["server"] != args.to)
    ]
    if not chosen:
        return tell_nothing(args, "no group is there that this could be asked of", "")
    return operate_all(args, {name: {**op, "group": name} for name in chosen}, done)
