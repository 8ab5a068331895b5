"""Takes secrets out of text that leaves the machine: those that are known, and what looks like one.

Known are the values of settings that a driver marks as secret, what the files hold that the
configuration names for secrets, and the addresses that alerts post to. What looks like one: the
values of words like password, keys in PEM, passwords in addresses, and those that commands take by
options of their own. When in doubt it is taken out.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from clpcore.ctl.product import commandlines
from clpcore.ctl.product.commandlines import GAP, QUOTED, STARS, VALUE

_LEAST: Final = 4  # characters; a shorter one would take out half of every text
_PATH_LEAST: Final = 12  # characters of an address's path that is secret by itself
_WORD: Final = (
    r"(?:passw(?:or)?d|passphrase|passcode|passkey|pass(?![a-z])|(?<![a-z])pw(?![a-z])|pwd|secret"
    r"|token|cookie|credentials?|creds?(?![a-z])|community|cli_?auth"
    r"|(?:api|access|account|auth|encryption|license|master|private|shared|signing|storage)"
    r"[_-]?key)"
)
_KEY: Final = re.compile(_WORD, re.IGNORECASE)
# A setting that names a file of a secret holds a path, which is none; the file does.
_WRITTEN: Final = frozenset({"sh", "bash", "py", "pl", "sql", "toml", "off", "log"})  # more than it
_OF_FILE: Final = re.compile(r"(?:_|-)(?:file|path)$", re.IGNORECASE)
_URL: Final = re.compile(r"^\s*url\s*=\s*[\"']([^\"'\n]+)", re.MULTILINE)
_URL_OFF: Final = re.compile(r"^\s*#[#\s]*url\s*=\s*[\"']([^\"'\n]+)", re.MULTILINE)
# Whoever has the address of one of these can post there.
_HOOKS: Final = (
    r"hooks\.slack\.com|[\w.-]{1,100}\.webhook\.office\.com|outlook\.office(?:365)?\.com/webhook"
    r"|discord(?:app)?\.com/api/webhooks|chat\.googleapis\.com|api\.telegram\.org"
)
# Keys that say what they are by how they begin: of GitHub, GitLab, Slack, Docker, Vault.
_ISSUED: Final = r"gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|dckr_pat_|hvs\."
# A name begins where a word begins: without that, a log of one long word would take for ever.
_BEGIN: Final = r"(?<![\w.-])"
_NAME: Final = rf"[\w.-]*{_WORD}(?![\w.-]{{0,64}}[_-](?:file|path)\b)[\w.-]{{0,64}}"
_BARE: Final = (  # what some files write before a blank and the value
    r"(?:passw(?:or)?d|requirepass|masterauth|secret|token)(?![\w.-]{0,64}[_-](?:file|path)\b)"
)
_LONG: Final = (  # strings over lines
    r'"{3}.*?(?:"{3}|\Z)|' + r"'{3}.*?(?:'{3}|\Z)"
    r'|"(?:\\.|[^"\\]){1,500}"|' + r"'[^']{1,500}'"
)
_PATTERNS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), instead)
    for pattern, instead in (
        (r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", rf"\1 {STARS} \2"),
        # password = """...""", "password": "...", PASSWORD='...'
        (rf"({_BEGIN}{_NAME}[\"']?\s*[=:]\s*)(?:{_LONG}|{QUOTED})", rf'\1"{STARS}"'),
        # PASSWORD=..., password: ...; the value may have blanks: all to the end, or to a quote
        (rf"({_BEGIN}{_NAME}[\"']?[^\S\n]*[=:][^\S\n]*)(?![\"'\s])[^\n\"']+", rf"\1{STARS}"),
        # <password>...</password>
        (rf"(<[\w:.-]*{_WORD}[^>\n]*>)[^<]*(<)", rf"\1{STARS}\2"),
        # --password ..., "--password", "..."
        (rf"({_BEGIN}--?{_NAME}{GAP}+)(?!-){VALUE}", rf"\1{STARS}"),
        (r"(Authorization[\"']?\s*[:=]\s*[\"']?\w+\s+)[^\s\"']+", rf"\1{STARS}"),
        (r"(\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", rf"\1{STARS}"),
        # https://user:...@host, https://token@host, ?sig=...
        (r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@\"']*:)[^\s/@\"']+(@)", rf"\1{STARS}\2"),
        (r"(\b[a-z][a-z0-9+.-]{0,20}://)[^\s/:@\"']{16,}(@)", rf"\1{STARS}\2"),
        (r"([?&](?:sig|sas|code|key)=)[^\s&\"']+", rf"\1{STARS}"),
        (rf"(\bhttps?://(?:{_HOOKS})/)[^\s\"'<>]+", rf"\1{STARS}"),
        (rf"(?<![\w-])(?:{_ISSUED})[\w.-]{{10,}}", STARS),
        (r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?", STARS),  # a JSON web token
        # machine h login u password ...; sas_token ...: words of prose have no digits
        (
            rf"({_BARE}[\w.-]{{0,64}}[ \t]+)(?=[^\s\"']{{0,99}}\d)(?![=:(])[^\s\"',;|&]{{6,}}",
            rf"\1{STARS}",
        ),
        *commandlines.PATTERNS,
    )
)


class Scrubber:
    """Knows the secrets of one server."""

    def __init__(self, secrets: Collection[str]) -> None:
        each_line = (line.strip() for text in secrets for line in text.splitlines())
        parts = (part for line in each_line for part in (line, *_secret_path(line)))
        known = {form for part in parts for form in (part, json.dumps(part)[1:-1])}
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


def _secret_path(line: str) -> Iterator[str]:
    """Give the path of a secret address: a log of a proxy has it without the server."""
    _, there, rest = line.partition("://")
    path = f"/{rest.partition('/')[2]}"
    if there and len(path) >= _PATH_LEAST:
        yield path


def in_toml(text: str, secret_keys: Collection[str]) -> Iterator[str]:
    """Give the secrets of a configuration file, which may be one that cannot be read.

    *secret_keys*: the settings that drivers mark as secret, beside what sounds like one. Where an
    alert posts to is one, too: whoever has the address can; so may be what is commented out.
    """
    yield from _URL_OFF.findall(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        yield from _URL.findall(text)
        return
    yield from _in(document, secret_keys)
    alerts = document.get("alert")
    for alert in alerts.values() if isinstance(alerts, dict) else ():
        if isinstance(alert, dict) and isinstance(alert.get("url"), str):
            yield alert["url"]


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


def is_secret(name: str) -> bool:
    """Tell whether a file's name says that it holds nothing but secrets."""
    stem, _, suffix = name.rpartition(".")
    return suffix.lower() not in _WRITTEN and _KEY.search(stem or suffix) is not None


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
