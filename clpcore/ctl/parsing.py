"""Arguments and help: argparse with our errors, and help that tells what happens to a service."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from clpcore.ctl import screen
from clpcore.ctl.ends import Exit, Failure

_LONGEST_WAIT: Final = 3600  # seconds; the agent takes no more
_EXITS: Final = (
    "Exit: 0 done, 1 refused or failed, 2 usage, 3 no agent, 4 no answer in time, "
    "78 configuration errors."
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are failures with a next step."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(allow_abbrev=False, formatter_class=_Paragraphs, **settings)

    def error(self, message: str) -> NoReturn:
        """Refuse the usage."""
        raise Failure(Exit.USAGE, message, f"see `{self.prog} --help`")


class _Paragraphs(argparse.HelpFormatter):
    """Fills paragraphs to the width; those with indented lines (examples) stay as they are."""

    def __init__(self, prog: str) -> None:
        # argparse makes one for each argument; left to itself, it imports shutil to find a width.
        super().__init__(prog, width=_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        import textwrap

        return "\n\n".join(
            paragraph if "\n  " in paragraph else textwrap.fill(paragraph, width)
            for paragraph in text.split("\n\n")
        )


@functools.cache
def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    there = screen.size(sys.stdout)
    wide = int(columns) if columns.isdecimal() else there.columns if there else 80
    return max(wide - 2, 40)


class Verb(NamedTuple):
    """The second word of a command, with its help.

    *sentence*: what it does; *service*: what happens to a running service meanwhile;
    *example*: one call a line.
    """

    word: str
    sentence: str
    service: str
    example: str


def command(name: str, sentence: str, *, service: str, example: str) -> Parser:
    """Give the parser of a command that only looks, still without arguments of its own."""
    parser = Parser(prog=f"clp {name}", **_texts(Verb(name, sentence, service, example)))
    _common(parser)
    return parser


def verbs(
    name: str, sentence: str, each: Sequence[Verb], *, waits: bool = True
) -> tuple[Parser, Mapping[str, Parser]]:
    """Give the parser of a command with verbs, and those of its verbs by their word.

    The word is found in ``args.verb``. *waits*: they ask for operations, and so take ``--wait``.
    """
    parser = Parser(prog=f"clp {name}", description=sentence, epilog=_EXITS)
    choices = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    parsers = {}
    for verb in each:
        parsers[verb.word] = choices.add_parser(verb.word, help=verb.sentence, **_texts(verb))
        if waits:
            _add_wait(parsers[verb.word])
        _common(parsers[verb.word])
    return parser, parsers


def _texts(verb: Verb) -> dict[str, Any]:
    example = "\n  ".join(line.strip() for line in verb.example.strip().splitlines())
    return {
        "description": f"{verb.sentence}\n\nA running service: {verb.service}",
        "epilog": f"Examples:\n  {example}\n\n{_EXITS}",
    }


def _add_wait(parser: Parser) -> None:
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=1800.0,
        metavar="SECONDS",
        help="how long to wait for the end of it (default 1800); 0: ask and do not wait",
    )


def _common(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.add_argument("--root", metavar="DIR", help="use the places under DIR (or set CLP_ROOT)")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_WAIT:  # refuses nan, too
        text = f"{text!r} is not a number of seconds, 0 to {_LONGEST_WAIT}"
        raise argparse.ArgumentTypeError(text)
    return seconds


def whole_number(text: str) -> int:
    """Read a number of things."""
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - far beyond any journal
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
