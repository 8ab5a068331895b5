"""`clp cluster`: start, stop and suspend the cluster everywhere, and verification mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit
from clpcore.ctl.operate import operate, tell_nothing
from clpcore.ctl.parsing import Parser, Verb, verbs
from clpcore.ctl.server import add_then, with_then
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

_VERBS = (
    Verb(
        "start",
        "Start the cluster service on every server whose agent runs.",
        service="servers that are in go on; groups that start automatically are started, "
        "also those that an operator had stopped.",
        example="clp cluster start",
        after="`clp status --watch`, until every group is Online.",
    ),
    Verb(
        "stop",
        "Stop the cluster service on every server. The agents stay, Offline, and can start it.",
        service="IT ENDS: every group is stopped and none is moved; clients are cut off.",
        example="clp cluster stop",
        after="`clp cluster start`, from any of the servers.",
    ),
    Verb(
        "suspend",
        "Let the whole cluster leave everything as it is, for your work on it.",
        service="it goes on, BUT NOTHING GUARDS IT: no monitor looks, nothing is recovered, and "
        "no group fails over, also when its server falls silent. It stays so over restarts and "
        "reboots.",
        example="clp cluster suspend",
        after="`clp cluster resume`, as soon as your work is done.",
    ),
    Verb(
        "resume",
        "End a suspension.",
        service="it is watched again, and what happened meanwhile is decided on now: a group "
        "whose server is silent fails over.",
        example="clp cluster resume",
        after="`clp status --watch`, until every group is Online.",
    ),
    Verb(
        "verification",
        "Enter or leave verification mode, in which monitors may be given dummy failures.",
        service="it goes on, and real faults are still repaired. Leaving takes every dummy "
        "failure back.",
        example="""
            clp cluster verification on
            clp cluster verification off
        """,
        after="`clp monitor dummy-failure on MONITOR`; when you are done, `clp cluster "
        "verification off`.",
    ),
    Verb(
        "acknowledge",
        "Say that you have seen to the troubles that `clp status` shows; they are shown no more.",
        service="nothing happens to it: no group is started, stopped or unblocked by this.",
        example="clp cluster acknowledge",
        after="`clp status`; what is wrong still, or again, is shown again.",
    ),
)


def parser() -> Parser:
    """Give the arguments."""
    sentence = (
        "Start, stop or suspend the cluster service on every server, enter verification mode, or "
        "acknowledge troubles."
    )
    made, each = verbs("cluster", sentence, _VERBS)
    add_then(each["stop"])
    each["verification"].add_argument("switch", choices=("on", "off"), metavar="{on,off}")
    return made


def run(args: Namespace) -> Exit:
    """Ask for the operation."""
    match args.verb:
        case "verification":
            op = {"is": "Verification", "on": args.switch == "on"}
            return operate(args, op, f"Verification mode is {args.switch}")
        case "suspend":
            return operate(args, {"is": "ClusterSuspend"}, "The cluster is suspended")
        case "resume":
            return operate(args, {"is": "ClusterResume"}, "The cluster is resumed")
        case "acknowledge":
            return _acknowledge(args)
        case "start":
            me = ask()["server"]
            done = f"The cluster service runs on {me}, and starts on all others"
            return operate(args, {"is": "ClusterStart"}, done, joins=me)
        case _:
            op = with_then({"is": "ClusterStop"}, args.then)
            return operate(args, op, "The cluster service is stopped")


def _acknowledge(args: Namespace) -> Exit:
    """Acknowledge what waits for it; the agent's own troubles go on until they end."""
    troubles = ask()["troubles"]
    count = sum("since" in trouble for trouble in troubles)
    if not count:
        why = "no trouble waits to be acknowledged"
        own = "those that `clp status` shows end by themselves, with what causes them"
        return tell_nothing(args, why, own if troubles else "")
    done = "1 trouble is acknowledged" if count == 1 else f"{count} troubles are acknowledged"
    return operate(args, {"is": "Acknowledge"}, done)
