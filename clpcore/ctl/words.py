"""The sentences of the catalogue, and those of the commands, in the operator's language.

They are read as data: importing ``clpcore.messages`` costs more than all the rest of `clp status`
(attrs and importlib.resources). tests/ctl compares every sentence with ``messages.render``.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import clpcore

if TYPE_CHECKING:
    from clpcore.ctl.document import Because


_REMEDIES = {"en": "remedy", "ja": "remedy_ja"}


def language() -> str:
    """Give the language of sentences: "ja" in a Japanese locale, else "en"; CLP_LANG wins.

    The first of CLP_LANG, LC_ALL, LC_MESSAGES and LANG that is set decides, as in other programs.
    """
    names = ("CLP_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[name] for name in names if os.environ.get(name)), "")
    return "ja" if locale.startswith("ja") else "en"


@functools.cache
def _translations() -> dict[str, str]:
    import tomllib

    with open(f"{clpcore.__path__[0]}/ctl/texts_ja.toml", "rb") as file:  # noqa: PTH123 - as below
        return tomllib.load(file)


def said(text: str, **args: object) -> str:
    """Give a text of the commands themselves, with its arguments, in the reader's language.

    *text* is English; texts_ja.toml has the Japanese for it. tests/ctl compares both.
    """
    there = _translations().get(text, text) if language() == "ja" else text
    return there.format_map(args)


@functools.cache
def _catalogue() -> dict[str, dict[str, str]]:
    import tomllib

    with open(f"{clpcore.__path__[0]}/messages/catalogue.toml", "rb") as file:  # noqa: PTH123
        return tomllib.load(file)  # without pathlib, which takes 5 ms


def knows(key: str) -> bool:
    """Tell whether the catalogue here has this sentence."""
    return key in _catalogue()


def sentence(because: Because) -> str:
    """Give the sentence; an unknown key is shown as it is, with its arguments."""
    key, args = because["key"], _texts(because)
    raw = " ".join([key, *(f"{name}={value}" for name, value in args.items())])
    row = _catalogue().get(key, {})
    return _filled(row.get(language()) or row.get("en", raw), args, raw)


def remedy(because: Because) -> str:
    """Give the operator's next step, that of the reasons in it if it has none, or an empty text."""
    row = _catalogue().get(because["key"], {})
    if text := row.get(_REMEDIES[language()]) or row.get("remedy", ""):
        return _filled(text, _texts(because), text)
    inner = [remedy(value) for value in because["args"].values() if not isinstance(value, str)]
    return "; ".join(dict.fromkeys(filter(None, inner))).replace(".;", ";").replace("。;", ";")


def _texts(because: Because) -> dict[str, str]:
    """Give the arguments, those that are sentences themselves as text."""
    return {
        name: value if isinstance(value, str) else sentence(value)
        for name, value in because["args"].items()
    }


def _filled(text: str, args: Mapping[str, str], otherwise: str) -> str:
    """Put the arguments in; an agent of another version may have sent others."""
    try:
        return plain(text.format_map(args))
    except (KeyError, ValueError, IndexError):
        return plain(otherwise)


def plain(text: str) -> str:
    """Give *text* without what could drive a terminal: drivers' words come from anywhere."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
