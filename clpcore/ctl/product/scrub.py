"""Takes secrets out of text that leaves the machine: those that are known, and what looks like one.

Known are the values of settings that a driver marks as secret, and what the files hold that the
configuration names for secrets. What looks like one: the values of words like password, keys in
PEM, user names with passwords in addresses. When in doubt it is taken out.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

STARS: Final = "********"
_LEAST: Final = 4  # characters; a shorter one would take out half of every text
_WORD: Final = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key"
    r"|private[_-]?key|shared[_-]?key|credentials?|community)"
)
_KEY: Final = re.compile(_WORD, re.IGNORECASE)
# A setting that names a file of a secret holds a path, which is none; the file does.
_OF_FILE: Final = re.compile(r"(?:_|-)(?:file|path)$", re.IGNORECASE)
# A name begins where a word begins: without that, a log of one long word would take for ever.
_BEGIN: Final = r"(?<![\w.-])"
_NAME: Final = rf"[\w.-]*{_WORD}(?![\w.-]{{0,64}}[_-](?:file|path)\b)[\w.-]{{0,64}}"
_LONG: Final = r'"{3}.*?(?:"{3}|\Z)|' + r"'{3}.*?(?:'{3}|\Z)"  # strings over lines
_QUOTED: Final = r'"(?:\\.|[^"\\\n])*"?|' + r"'[^'\n]*'?"
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), instead)
    for pattern, instead in (
        (r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", rf"\1 {STARS} \2"),
        # password = """...""", "password": "...", PASSWORD='...'
        (rf"({_BEGIN}{_NAME}[\"']?\s*[=:]\s*)(?:{_LONG}|{_QUOTED})", rf'\1"{STARS}"'),
        # PASSWORD=..., password: ...; the value may have blanks: all to the end, or to a quote
        (rf"({_BEGIN}{_NAME}[\"']?[^\S\n]*[=:][^\S\n]*)(?![\"'\s])[^\n\"']+", rf"\1{STARS}"),
        # <password>...</password>
        (rf"(<[\w:.-]*{_WORD}[^>\n]*>)[^<]*(<)", rf"\1{STARS}\2"),
        # --password ..., -u user:...
        (rf"({_BEGIN}--?{_NAME}[ \t]+)(?!-)\S+", rf"\1{STARS}"),
        (r"((?:^|\s)(?:-u|--user)[ =]+[^\s:]+:)\S+", rf"\1{STARS}"),
        (r"(Authorization[\"']?\s*[:=]\s*[\"']?\w+\s+)[^\s\"']+", rf"\1{STARS}"),
        (r"(\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", rf"\1{STARS}"),
        # https://user:...@host, ?sig=...
        (r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"']*:)[^\s/@\"']+(@)", rf"\1{STARS}\2"),
        (r"([?&](?:sig|sas|code|key)=)[^\s&\"']+", rf"\1{STARS}"),
    )
)


class Scrubber:
    """Knows the secrets of one server."""

    def __init__(self, secrets: Collection[str]) -> None:
        each_line = (line.strip() for text in secrets for line in text.splitlines())
        known = {form for line in each_line for form in (line, json.dumps(line)[1:-1])}
        self._known = sorted(filter(_is_telling, known), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give *text* without secrets."""
        for secret in self._known:  # many replaces are faster than one pattern with many words
            text = text.replace(secret, STARS)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text


def _is_telling(line: str) -> bool:
    return len(line) >= _LEAST and not line.startswith("-----")


def in_toml(text: str, secret_keys: Collection[str]) -> Iterator[str]:
    """Give the secrets of a configuration file, which may be one that cannot be read.

    *secret_keys*: the settings that drivers mark as secret, beside what sounds like one.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    yield from _in(document, secret_keys)


def _in(table: Mapping[str, Any], secret_keys: Collection[str]) -> Iterator[str]:
    for key, value in table.items():
        secret = key in secret_keys or (_KEY.search(key) and not _OF_FILE.search(key))
        if isinstance(value, Mapping) and not secret:
            yield from _in(value, secret_keys)
        elif isinstance(value, list) and not secret:
            for each in value:
                yield from _in(each, secret_keys) if isinstance(each, Mapping) else ()
        elif secret:
            yield from _texts(value)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif not isinstance(value, bool):
        yield str(value)


def secret_files(text: str) -> Iterator[str]:
    """Give the paths of the files that a configuration file names: any may hold a secret."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    yield from _paths(document)


def _paths(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _paths(value)
        elif isinstance(value, str) and _OF_FILE.search(key):
            yield value
