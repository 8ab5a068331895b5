"""`clp`: finds the command of the first word, runs it, and tells how it ended."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import MEANING, Exit, Failure
from clpcore.ctl.parsing import Parser
from clpcore.ctl.words import plain

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

# Each is the module of this room of that name, imported only when it is the word.
COMMANDS: Final = {
    "status": "show servers, groups and monitors; --watch: live",
    "why": "tell why a thing is as it is, and the next step",
    "doctor": "look for what makes this server or its cluster fail when it is needed",
    "log": "show what happened, one numbered sentence a line",
    "simulate": "tell what would happen if a server died, a witness were lost, ...",
    "replay": "decide again on what was recorded; show where decisions differ",
    "group": "start, stop, restart, move or fail over a group, or all of them",
    "resource": "start, stop or restart one resource of a group",
    "monitor": "suspend or resume a monitor, or give it a dummy failure",
    "server": "start or stop the cluster service of one server; take its groups away",
    "cluster": "start, stop or suspend it on every server; verification mode; acknowledge",
    "config": "check, apply, make or import a configuration; its history",
    "alert": "show where messages go beside the journal, and try it",
    "plugins": "show the drivers, and the plugins that were refused",
    "new": "write the plugin of a new driver, with its conformance tests",
    "keygen": "write a new cluster key",
    "agent": "run the agent in the foreground; systemd does it for you",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `clp`; *argv* without the program's name. Gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show a driver's words
    try:
        return _run(words)
    except Failure as failure:
        return _tell(failure, as_json="--json" in words)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Only stdout raises it here. What is still buffered must not raise it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.CUT_OFF


def _run(words: list[str]) -> int:
    args = _parser().parse_args(words)
    _go_under(args.root)
    rest = [*args.rest, "--json"] if args.json else args.rest
    if args.help or not args.command:
        print(_help())
        return Exit.DONE if args.help else Exit.USAGE
    if args.command not in COMMANDS:
        return _external(args.command, rest)
    module = importlib.import_module(f"clpcore.ctl.{args.command}")
    its = module.parser().parse_args(rest)
    _go_under(its.root)
    code: int = module.run(its)
    sys.stdout.flush()  # here, where a reader that went away is noticed
    return code


def _parser() -> Parser:
    """Give the parser of the words before the command, and of the command itself."""
    parser = Parser(prog="clp", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--root")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("command", nargs="?")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def _go_under(root: str | None) -> None:
    """Use the places under *root*, in this process and in what it starts."""
    if root:
        os.environ["CLP_ROOT"] = root


def _external(word: str, rest: list[str]) -> int:
    """Run a command that another distribution brings."""
    from clpcore.ctl import names, reading

    others = externals()
    if word not in others:
        remedy = _with_verb(word) or names.meant(word, [*COMMANDS, *others])
        remedy = remedy or "`clp --help` lists the commands"
        raise Failure(Exit.USAGE, f"clp has no command {word!r}", remedy)
    try:
        run = others[word].load()
    except Exception as error:
        raise Failure(
            Exit.REFUSED,
            f"the command {word!r} of {_origin(others[word])} cannot be loaded: "
            f"{type(error).__name__}: {error}",
            "install that distribution again, or uninstall it",
        ) from error
    if others[word].group == reading.GROUP:
        return reading.run(others[word], rest)
    code: int = run(rest)
    return code


def _with_verb(word: str) -> str:
    """Give the question whether a verb was meant that belongs to a command, or an empty text."""
    parsers = {name: importlib.import_module(f"clpcore.ctl.{name}").parser() for name in COMMANDS}
    there = [f"`clp {name} {word}`" for name, parser in parsers.items() if word in parser.verbs]
    return f"did you mean {' or '.join(there)}?" if there else ""


def externals() -> dict[str, EntryPoint]:
    """Give the commands of other distributions by word; looked up only where they matter."""
    from importlib.metadata import entry_points

    from clpcore.ctl import reading

    found = [*entry_points(group="clpcore.commands"), *entry_points(group=reading.GROUP)]
    return {point.name: point for point in sorted(found, key=lambda point: point.name)}


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _help() -> str:
    from clpcore.ctl import own_words

    others = [
        (word, own_words.summary(point) or f"of {_origin(point)}")
        for word, point in externals().items()
    ]
    commands = "\n".join(f"  {word:<9}{text}" for word, text in [*COMMANDS.items(), *others])
    exits = "\n".join(f"  {code:<9}{meaning}" for code, meaning in MEANING.items())
    return f"""\
usage: clp [--root DIR] [--json] COMMAND ...

Look at a cluster and steer it, from any of its servers.

Commands:
{commands}

`clp COMMAND --help` tells what it does to a running service, with examples. To begin:

  clp status                     what is there, and what is not normal
  clp why                        the reasons, and the next steps
  clp group move failover1       a first planned move

Options of every command:
  --json   print JSON, one object a line; errors too
  --root   use the places under this folder instead of /; as CLP_ROOT in the environment

Exit codes:
{exits}"""


def _tell(failure: Failure, *, as_json: bool) -> Exit:
    """Print what happened and the next step."""
    if as_json:
        print(json.dumps(failure.as_json()), flush=True)
        return failure.code
    print(f"clp: {plain(failure.text)}", file=sys.stderr)
    if failure.remedy:
        print(f"     {plain(failure.remedy)}", file=sys.stderr)
    return failure.code
