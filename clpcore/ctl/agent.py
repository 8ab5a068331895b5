"""`clp agent`: the daemon itself, in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clpcore.ctl.parsing import Parser, command

if TYPE_CHECKING:
    from argparse import Namespace


def parser() -> Parser:
    """Give the arguments."""
    return command(
        "agent",
        "Run the agent of this server in the foreground; it logs to stderr. The unit "
        "clpcore.service does this for you. CLP_SERVER names this server if its host name does "
        "not.",
        service="what runs is found again and goes on. SIGTERM makes the server leave cleanly: "
        "its groups move away. SIGKILL leaves them running until the next start.",
        example="systemctl start clpcore",
        after="`clp status`, in another terminal.",
    )


def run(_: Namespace) -> int:
    """Be the agent until it ends."""
    from clpcore.runtime.main import main

    return main()
