"""``clpstdn``: shuts all servers down, or reboots them, after the cluster has stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.parsing import Parser


def parser() -> Parser:
    """Give the arguments."""
    made = entry.arguments(
        "clpstdn",
        "Stop the cluster and shut every machine of it down. All groups end.",
        "`clp cluster stop --then shutdown` does the same, and tells more.",
        """
        clpstdn
        clpstdn -r
        """,
    )
    made.add_argument("-r", dest="reboot", action="store_true", help="reboot them")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    return entry.main(parser(), _run, argv)


def _run(args: Namespace) -> int:
    status = ask()
    code = entry.do([{"is": "ClusterStop", "then": entry.then(args)}])
    silent = [one["name"] for one in status["servers"] if one["state"] == "Unknown"]
    if code or not silent:
        return code
    text = f"not asked, because their agents are not heard: {', '.join(silent)}"
    raise Failure(Exit.REFUSED, text, "end them by hand if they run")
