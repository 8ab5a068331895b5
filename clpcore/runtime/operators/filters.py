"""What a client wants of the journal, as it says it in a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clpcore import messages
from clpcore.runtime.store.wanted import SENTENCE, Wanted

_KINDS: Final = frozenset({SENTENCE, "input", "action", "state"})
_LONGEST: Final = 200  # characters of a name


class BadFilter(Exception):
    """A filter cannot be meant; says why, and what could."""

    def __init__(self, error: str, remedy: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.remedy = remedy


def read(request: Mapping[str, Any]) -> Wanted:
    """Read kinds, ids, modules, severities, about, server and since; absent means any.

    Raises:
        BadFilter: one of them is none.

    """
    since = request.get("since", 0)
    if type(since) is not int or since < 0:
        raise BadFilter(f"since is a number of ms since 1970, not {since!r:.80}")
    return Wanted(
        kinds=_words(request, "kinds", _KINDS) or frozenset({SENTENCE}),
        keys=_keys(request),
        about=_name(request, "about"),
        server=_name(request, "server"),
        since=since,
    )


def _keys(request: Mapping[str, Any]) -> frozenset[str] | None:
    """Give the messages that fit ids, modules and severities, None where all do."""
    known = messages.entries().values()
    ids = _words(request, "ids", frozenset(entry.key for entry in known))
    modules = _words(request, "modules", frozenset(entry.module for entry in known))
    severities = _words(request, "severities", frozenset(entry.severity.value for entry in known))
    if not (ids or modules or severities):
        return None
    return frozenset(
        entry.key
        for entry in known
        if (not ids or entry.key in ids)
        and (not modules or entry.module in modules)
        and (not severities or entry.severity.value in severities)
    )


def _words(request: Mapping[str, Any], name: str, known: frozenset[str]) -> frozenset[str]:
    words = request.get(name, [])
    if not isinstance(words, list):
        raise BadFilter(f"{name} is a list, not {words!r:.80}")
    for word in words:
        if not isinstance(word, str) or word not in known:
            few = f"known are {', '.join(sorted(known))}"
            raise BadFilter(
                f"there is none of {name} {word!r:.80}",
                "docs/reference/messages.md lists them" if name == "ids" else few,
            )
    return frozenset(words)


def _name(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise BadFilter(f"{name} is a name, not {value!r:.80}")
    return value
