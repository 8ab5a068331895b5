"""`clp status`: the cluster as this server sees it, once or live."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING

from clpcore.ctl import control
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.page import page
from clpcore.ctl.parsing import Parser, command
from clpcore.ctl.screen import Frame, paint_for, size, wakes
from clpcore.ctl.words import said

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status

_AGAIN = 0.5  # seconds until an agent that went away is looked for again
_SCHEMA = 1  # of the status document that this version reads


def parser() -> Parser:
    """Give the arguments."""
    made = command(
        "status",
        "Show the servers, groups and monitors as this server sees them, with a reason under "
        "everything that is not normal.",
        service="nothing happens to it; this only looks.",
        example="""
            clp status
            clp status --watch          live, until Ctrl-C
            clp status --json | jq -r '.groups[] | .name + " " + .state'
        """,
        after="`clp why` explains what is not normal, and tells the next step.",
    )
    made.add_argument(
        "--watch",
        action="store_true",
        help="show every change: in place on a terminal, one below the other elsewhere",
    )
    return made


def run(args: Namespace) -> Exit:
    """Print the status, or each one that comes."""
    if not args.watch:
        _print(ask(), as_json=args.json)
    elif sys.stdout.isatty() and not args.json:
        _live()
    else:
        for number, reply in enumerate(control.stream(None, do="watch")):
            if number and not args.json:
                print()
            _print(reply["status"], as_json=args.json)
    return Exit.DONE


def ask(server: str = "") -> Status:
    """Ask the agent for the status document: its own, or that of another *server*'s agent.

    Raises:
        Failure: there is none; or that of another server's agent is not as this version reads it.

    """
    if server:
        return _elsewhere(server)
    status: Status = control.ask(do="status")["status"]
    return status


def _elsewhere(server: str) -> Status:
    from clpcore.ctl import document, shape

    reply = control.ask(do="status", server=server)
    status: Status = reply["status"]
    wrong = shape.misfit(status, document.Status)
    if wrong is None and status["schema"] != _SCHEMA:
        wrong = "/schema"
    if wrong is not None:
        text = said(
            "{server} answered a status that this version does not read: {where} (its version: "
            "{version})",
            server=server,
            where=wrong,
            version=reply.get("version", "?"),
        )
        remedy = said("run it on {server} itself; bring all servers to one version", server=server)
        raise Failure(Exit.REFUSED, text, remedy)
    return status


def _print(status: Status, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(status), flush=True)
        return
    there = size(sys.stdout)
    columns = there.columns if there else None
    print("\n".join(page(status, paint_for(sys.stdout), columns)), flush=True)


def _live() -> None:
    """Draw each status over the last one until Ctrl-C."""
    first = ask()  # without an agent there is nothing to show: this fails before the page turns
    with contextlib.suppress(KeyboardInterrupt), Frame(sys.stdout) as frame, wakes() as wake:
        live = _Live(first, frame, wake)
        while True:
            live.follow()
            time.sleep(_AGAIN)


class _Live:
    """The live view; it outlives the agent's restarts."""

    def __init__(self, status: Status, frame: Frame, wake: int) -> None:
        self.status = status
        self.frame = frame
        self.wake = wake

    def follow(self) -> None:
        """Draw what comes, until the agent goes away."""
        try:
            with control.Connection({"do": "watch"}) as connection:
                self._draw(said("Ctrl-C ends"))
                while self._next(connection):
                    self._draw(said("Ctrl-C ends"))
        except Failure:
            text = "THE AGENT DOES NOT ANSWER; looking for it again. Ctrl-C ends"
            self._draw(said(text))

    def _next(self, connection: control.Connection) -> bool:
        """Take what comes; a resize or a second without anything is a reason to draw, too."""
        ready = control.wait(time.monotonic() + 1.0, connection, self.wake)
        if self.wake in ready:
            os.read(self.wake, 512)
        replies = connection.receive() if connection in ready else []
        for reply in replies:
            if "end" in reply:
                return False
            self.status = control.accepted(reply)["status"]
        return True

    def _draw(self, foot: str) -> None:
        there = size(sys.stdout)
        lines = page(self.status, paint_for(sys.stdout), there.columns if there else None)
        self.frame.draw(lines, f"{time.strftime('%H:%M:%S')}  {foot}")
