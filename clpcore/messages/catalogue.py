"""Reads the catalogue; makes and renders its sentences."""

from __future__ import annotations

import contextlib
import functools
import importlib.resources
import string
import tomllib
from collections.abc import Mapping
from typing import Any

import attrs

from clpcore.model.reasons import Because, Severity


@attrs.frozen(kw_only=True)
class Entry:
    """One message. Equal meaning, equal number as in the product (clusterpro.md 12)."""

    key: str
    module: str
    event: int
    severity: Severity
    text: Mapping[str, str]  # by language
    remedy: Mapping[str, str]
    arguments: frozenset[str]


@functools.cache
def entries() -> Mapping[str, Entry]:
    """Give every message by key, in the order of the file."""
    source = importlib.resources.files(__package__).joinpath("catalogue.toml")
    return {key: _entry(key, row) for key, row in tomllib.loads(source.read_text("utf-8")).items()}


def _entry(key: str, row: Mapping[str, str]) -> Entry:
    module = key.rstrip(string.digits)
    return Entry(
        key=key,
        module=module,
        event=int(key[len(module) :]),
        severity=Severity(row["severity"]),
        text={"en": row["en"], "ja": row.get("ja", row["en"])},
        remedy={"en": row.get("remedy", ""), "ja": row.get("remedy_ja", row.get("remedy", ""))},
        arguments=frozenset(name for _, name, _, _ in string.Formatter().parse(row["en"]) if name),
    )


def entry(key: str) -> Entry:
    """Give the message *key*; KeyError if there is none."""
    return entries()[key]


def because(key: str, **args: object) -> Because:
    """Give the sentence *key* with its arguments.

    Raises:
        KeyError: there is no such message.
        ValueError: the arguments are not those of its text.

    """
    wanted = entries()[key].arguments
    if wanted != args.keys():
        msg = f"message {key} takes {sorted(wanted)}, got {sorted(args)}"
        raise ValueError(msg)
    return Because(key, tuple((name, _argument(args[name])) for name in sorted(args)))


def _argument(value: object) -> str | Because:
    return value if isinstance(value, Because) else str(value)


def render(sentence: Because, language: str = "en") -> str:
    """Give the sentence as an operator reads it; one of another version is shown as it is."""
    texts = _texts(sentence, language)
    known = entries().get(sentence.key)
    with contextlib.suppress(KeyError):  # another version's sentence, with other arguments
        if known is not None:
            return known.text[language].format_map(texts)
    return " ".join([sentence.key, *(f"{name}={text}" for name, text in texts.items())])


def remedy(sentence: Because, language: str = "en") -> str:
    """Give the operator's next step, empty when there is none.

    A sentence without one of its own has those of the sentences in it: of its reasons.
    """
    known = entries().get(sentence.key)
    if known and known.remedy[language]:
        with contextlib.suppress(KeyError):
            return known.remedy[language].format_map(_texts(sentence, language))
    inner = [remedy(value, language) for _, value in sentence.args if isinstance(value, Because)]
    return "; ".join(dict.fromkeys(filter(None, inner))).replace(".;", ";").replace("。;", ";")


def _texts(sentence: Because, language: str) -> dict[str, str]:
    return {
        name: render(value, language) if isinstance(value, Because) else value
        for name, value in sentence.args
    }


def plain(sentence: Because) -> dict[str, Any]:
    """Give the sentence as plain JSON types: ``{"key", "args"}``, nested where it is nested."""
    args = {
        name: plain(value) if isinstance(value, Because) else value for name, value in sentence.args
    }
    return {"key": sentence.key, "args": args}


def from_plain(document: Mapping[str, Any]) -> Because:
    """Read what ``plain`` wrote."""
    args = sorted(document.get("args", {}).items())
    return Because(
        str(document["key"]),
        tuple((name, from_plain(v) if isinstance(v, Mapping) else str(v)) for name, v in args),
    )
