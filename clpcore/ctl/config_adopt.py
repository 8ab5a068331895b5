"""`clp config adopt`: takes over the configuration of another server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from clpcore.ctl import config_apply, control, names
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.operate import tell_nothing
from clpcore.ctl.parsing import Parser, Verb
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

VERB = Verb(
    "adopt",
    "Take over the configuration of another server, where both have different ones of the same "
    "number. An older server adopts by itself.",
    service="it goes on while the agent of this server starts again. A group that runs here and "
    "that the other configuration changes must be stopped before.",
    example="clp config adopt node1",
    after="`clp config history` shows what each server has.",
)


def arguments(parser: Parser) -> None:
    """Add its own."""
    parser.add_argument("server", metavar="SERVER", help="whose configuration is right")


def run(args: Namespace) -> Exit:
    """Ask this server's agent to do it."""
    server = names.server(ask(), args.server)
    try:
        reply = config_apply.long_reply({"do": "adopt", "server": server}, lambda _: None)
    except control.Lost as lost:
        text = f"{lost.text}: whether it was adopted is unknown"
        raise Failure(Exit.UNKNOWN, text, "see `clp config history`") from None
    if not reply.get("ok"):
        raise config_apply.refused(reply)
    adopted = reply["adopted"]
    if adopted["same"]:
        return tell_nothing(args, f"this server has revision {adopted['revision']} already", "")
    if args.json:
        print(json.dumps({"ok": True, "exit": Exit.DONE, **adopted}))
    else:
        print(f"Revision {adopted['revision']} of {server} is adopted; the agent starts again.")
    return Exit.DONE
