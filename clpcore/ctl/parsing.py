"""Arguments and help: argparse with our errors, and help that tells what happens to a service."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

from clpcore.ctl import names, screen
from clpcore.ctl.ends import Exit, Failure

_LONGEST_WAIT: Final = 3600  # seconds; the agent takes no more
_EXITS: Final = (
    "Exit: 0 done, 1 refused or failed, 2 usage, 3 no agent, 4 no answer in time, "
    "78 configuration errors."
)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are failures with a next step."""

    example = ""  # the simplest call
    verbs: tuple[str, ...] = ()  # the second words

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(allow_abbrev=False, formatter_class=_Paragraphs, **settings)

    def parse_known_args(  # type: ignore[override]  # its overloads tell of other namespaces
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what is not known here: the parser above could only name itself."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            known = {one.lstrip("-"): one for one in self._option_string_actions}
            near = names.nearest(word.lstrip("-"), known) if word.startswith("-") else ""
            remedy = f"did you mean {known[near]!r}?" if near else ""
            self._refuse(f"`{self.prog}` takes no {unknown[0]!r}", remedy)
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Refuse the usage."""
        needs = message.partition("arguments are required: ")[2]
        if needs:
            remedy = f"for example: {self.example}" if self.example else ""
            if self.verbs:
                remedy = f"it is one of {', '.join(self.verbs)}; see `{self.prog} --help`"
            self._refuse(f"`{self.prog}` needs {needs}", remedy)
        text = message.removeprefix("argument ")
        self._refuse(text.replace(": expected one argument", " needs a value"))

    def _check_value(self, action: argparse.Action, value: str) -> None:
        """Refuse a word that is none of the choices, and name the one that was meant."""
        known = [str(choice) for choice in action.choices or ()]
        if not known or value in known:
            return
        if not self.verbs:
            self._refuse(f"`{self.prog}` takes {' or '.join(known)}, not {value!r}")
        there = f"there are: {', '.join(known)}"
        self._refuse(f"`{self.prog}` has no verb {value!r}", names.meant(value, known) or there)

    def _refuse(self, text: str, remedy: str = "") -> NoReturn:
        raise Failure(Exit.USAGE, text, remedy or f"see `{self.prog} --help`")


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
    *example*: one call a line; *after*: what comes next, as a rule.
    """

    word: str
    sentence: str
    service: str
    example: str
    after: str


def command(name: str, sentence: str, *, service: str, example: str, after: str) -> Parser:
    """Give the parser of a command without verbs, still without arguments of its own."""
    verb = Verb(name, sentence, service, example, after)
    parser = Parser(prog=f"clp {name}", **_texts(verb))
    parser.example = _simplest(verb)
    _common(parser)
    return parser


def verbs(
    name: str, sentence: str, each: Sequence[Verb], *, waits: bool = True
) -> tuple[Parser, Mapping[str, Parser]]:
    """Give the parser of a command with verbs, and those of its verbs by their word.

    The word is found in ``args.verb``. *waits*: they ask for operations, and so take ``--wait``.
    """
    examples = "\n  ".join(map(_simplest, each))
    more = f"Each of them tells more: `clp {name} {each[0].word} --help`."
    epilog = f"Examples:\n  {examples}\n\n{more}\n\n{_EXITS}"
    parser = Parser(prog=f"clp {name}", description=sentence, epilog=epilog)
    parser.verbs = tuple(verb.word for verb in each)
    choices = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    parsers = {}
    for verb in each:
        its = choices.add_parser(verb.word, help=verb.sentence, **_texts(verb))
        its.example = _simplest(verb)
        if waits:
            _add_wait(its)
        _common(its)
        parsers[verb.word] = its
    return parser, parsers


def _calls(verb: Verb) -> list[str]:
    return [line.strip() for line in verb.example.strip().splitlines()]


def _simplest(verb: Verb) -> str:
    """Give the first example that has the word in it, without its comment."""
    calls = _calls(verb)
    its = next((call for call in calls if verb.word in call.split()), calls[0])
    return its.partition("  ")[0]


def _texts(verb: Verb) -> dict[str, Any]:
    example = "\n  ".join(_calls(verb))
    return {
        "description": f"{verb.sentence}\n\nA running service: {verb.service}",
        "epilog": f"Examples:\n  {example}\n\nNext: {verb.after}\n\n{_EXITS}",
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


def whole_text(text: str) -> str:
    """Read a text for others to keep and show: bytes that no UTF-8 has cannot be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!a} is no text in UTF-8") from None
    return text


def whole_number(text: str) -> int:
    """Read a number of things."""
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - far beyond any journal
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
