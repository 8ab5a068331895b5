"""``clpdown``: shuts a server down, or reboots it, after its groups have moved away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpdown",
        "Stop the cluster service of a server and shut its machine down. Its groups move away.",
        "`clp server stop --then shutdown` does the same, and tells more.",
        """
        clpdown
        clpdown -r -h node2
        """,
    )
    made.add_argument("-r", dest="reboot", action="store_true", help="reboot it")
    entry.add_server(made, "which one; default: this server")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    server = entry.here_or(ask(), args.server)
    return entry.do([{"is": "ServerStop", "server": server, "then": entry.then(args)}])
