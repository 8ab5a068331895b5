# ruff: noqa: INP001 - beside a script, in no package
"""The page of the commands: from their parsers, or from what they say of themselves."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Final

from tables import grid

from clpcore.ctl import main as clp
from clpcore.ctl import own_words, reading
from clpcore.ctl.ends import MEANING

_EVERY: Final = (
    "Options of every command: `--json` prints JSON, one object a line; `--root DIR` uses the "
    "places under DIR. Exit codes:"
)


def page(ours: frozenset[str]) -> tuple[str, list[str]]:
    """Give the title and the parts; *ours*: distributions whose commands are shown, too."""
    parts = [
        _EVERY,
        grid(("code", "means"), [(str(int(code)), text) for code, text in MEANING.items()]),
    ]
    for word, text in clp.COMMANDS.items():
        parser = importlib.import_module(f"clpcore.ctl.{word}").parser()
        parts += [f"## clp {word}", *_with_verbs(parser, text)]
    for point in _others(ours):
        parts += [f"## clp {point.name}", *_other(point)]
    return "Commands", parts


def _others(ours: frozenset[str]) -> list[EntryPoint]:
    return [each for each in clp.externals().values() if _distribution(each) in ours]


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _other(point: EntryPoint) -> Iterator[str]:
    comes = f"It comes with the distribution `{_distribution(point)}`."
    if point.group == reading.GROUP:
        yield comes
        yield f"```text\n{own_words.usage(point)}\n```"
        return
    parser = importlib.import_module(point.module).parser()
    yield from _with_verbs(parser, own_words.summary(point), comes)


def _with_verbs(parser: argparse.ArgumentParser, text: str, comes: str = "") -> Iterator[str]:
    choices = _verbs(parser)
    if choices:
        yield " ".join(filter(None, (f"{text[0].upper()}{text[1:]}.", comes)))
        if rows := _arguments(parser):
            yield grid(("argument", "what"), rows)
    for verb in choices or [parser]:
        yield from _command(verb, "###" if choices else "")


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 - argparse has no other way to ask


def _verbs(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            return list(dict.fromkeys(action.choices.values()))
    return []


def _command(parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    if level:
        yield f"{level} {parser.prog}"
    yield (parser.description or "").strip()
    rows = [*_arguments(parser), *_nested(parser)]
    if rows:
        yield grid(("argument", "what"), rows)
    examples, _, rest = (parser.epilog or "").partition("\n\n")
    lines = [line.strip() for line in examples.splitlines()[1:]]
    if lines:
        yield "\n".join(["```sh", *lines, "```"])
    yield from (part for part in rest.split("\n\n") if part and not part.startswith("Exit:"))


def _arguments(parser: argparse.ArgumentParser) -> list[tuple[str, str]]:
    return [
        (f"`{_spelled(action)}`", action.help or "")
        for action in _actions(parser)
        if not {"--help", "--json", "--root"} & set(action.option_strings)
        and not isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - as above
    ]


def _nested(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Give the verbs of a verb."""
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for verb in action._choices_actions:  # noqa: SLF001 - as above
                yield f"`{verb.dest}`", verb.help or ""


def _spelled(action: argparse.Action) -> str:
    name = "/".join(action.option_strings)
    if action.nargs == 0:
        return name
    choices = "|".join(map(str, action.choices or ()))
    value = action.metavar or choices or action.dest.upper()
    value = f"[{value}]" if action.nargs == "?" else str(value)
    return f"{name} {value}".strip()
