"""What the product's commands share: how they read their options, ask for operations, and end."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl import names, operate, together
from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.parsing import Parser
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from argparse import Namespace

    from clpcore.ctl.document import Status

SUCCEEDED: Final = "Command succeeded."
PATIENCE: Final = 1_800.0  # seconds, as `clp` waits
LONGEST: Final = 3_600.0  # seconds; the agent waits no longer
_EXITS: Final = (
    "Exit: 0 done; 1 refused or failed, 2 usage, 3 no agent, 4 no answer in time. The reason and "
    "the next step are on stderr."
)


def arguments(name: str, sentence: str, instead: str, example: str) -> Parser:
    """Give the parser of a command, still without options of its own; -h is free for a server.

    *instead*: the sentence of what `clp` has for it; *example*: one call a line.
    """
    calls = [line.strip() for line in example.strip().splitlines()]
    examples = "\n  ".join(calls)
    made = Parser(
        prog=name,
        add_help=False,
        description=f"{sentence}\n\n{instead}",
        epilog=f"Examples:\n  {examples}\n\n{_EXITS}",
    )
    made.example = calls[0].partition("  ")[0]
    made.add_argument("-?", "--help", action="help", help="show this")
    return made


def add_server(parser: Parser, what: str) -> None:
    """Add ``-h SERVER``."""
    parser.add_argument("-h", dest="server", metavar="SERVER", default="", help=what)


def add_wait(parser: Parser, default: float | None = PATIENCE) -> None:
    """Add ``-w SECONDS``; *default*: None where waiting is for those who ask for it."""
    help_ = "how long to wait for the end of it; 0: as long as it takes"
    parser.add_argument(
        "-w", dest="wait", type=_seconds, default=default, metavar="SECONDS", help=help_
    )


def _seconds(text: str) -> float:
    if not text.isdecimal() or int(text) > LONGEST:
        why = f"{text!r} is not a number of seconds, 0 to {LONGEST:.0f}"
        raise argparse.ArgumentTypeError(why)
    return float(text) or LONGEST


def main(parser: Parser, run: Callable[[Namespace], int], argv: Sequence[str] | None) -> int:
    """Run a command with *argv* without the program's name; give its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show a driver's words
    try:
        code = run(parser.parse_args(argv))
        sys.stdout.flush()  # here, where a reader that went away is noticed
    except Failure as failure:
        tell(failure)
        return failure.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Only stdout raises it here. What is still buffered must not raise it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.CUT_OFF
    return code


def tell(failure: Failure) -> None:
    """Print what happened and the next step."""
    print(f"Error: {plain(failure.text)}", file=sys.stderr)
    if failure.remedy:
        print(f"       {plain(failure.remedy)}", file=sys.stderr)


def here_or(status: Status, server: str) -> str:
    """Give the server that was named, or this one."""
    return names.server(status, server) if server else status["server"]


def only_here(status: Status, server: str, command: str) -> None:
    """Refuse another server where no operation travels for *command*.

    Raises:
        Failure: another one was named.

    """
    if here_or(status, server) != status["server"]:
        text = f"the agent of {status['server']} does this for its own server alone"
        raise Failure(Exit.REFUSED, text, f"on {server} run: {command}")


def then(args: Namespace) -> str:
    """Give what a machine shall do at the end, by ``-r``."""
    return "reboot" if args.reboot else "shutdown"


def do(ops: Iterable[Mapping[str, object]], wait: float = PATIENCE) -> int:
    """Carry out all of *ops*, one after the other, and say how it ended as the product does.

    A failure does not keep the rest from it; the exit code is the first one's.
    """
    first = 0
    for op in ops:
        try:
            operate.carry_out(op, wait, group=str(op.get("group", "")))
        except Failure as failure:
            tell(failure)
            first = first or failure.code
    if not first:
        print(SUCCEEDED)
    return first


def do_groups(ops: Mapping[str, Mapping[str, object]]) -> int:
    """Carry out *ops*, by group, many at once: groups may wait for each other; then as ``do``."""
    if not ops:
        return do(())
    failures = [failure for _, _, failure in together.ends(ops, PATIENCE) if failure]
    for failure in failures:
        tell(failure)
    if not failures:
        print(SUCCEEDED)
    return failures[0].code if failures else 0


def each(title: str, servers: Iterable[str], ask: Callable[[str], str | None]) -> int:
    """Let *ask* carry something out for each server, and print how it ended in a line for each.

    *ask* gives a sentence in place of the usual one. A failure does not keep the rest from it; the
    exit code is the first one's.
    """
    first = 0
    for server in servers:
        try:
            print(f"{title} {server} : {ask(server) or SUCCEEDED}", flush=True)
        except Failure as failure:
            print(f"{title} {server} : Command failed.", flush=True)
            tell(failure)
            first = first or failure.code
    return first
