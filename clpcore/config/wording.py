"""How keys, values and durations are written in reports, and which word was meant."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from clpcore.config.positions import Path

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST: Final = 60


def dotted(path: Path) -> str:
    """Give the key as it would be written in a file; an element goes by its array's key."""
    parts = [part for part in path if isinstance(part, str)]
    return ".".join(part if _BARE.fullmatch(part) else json.dumps(part) for part in parts)


def toml(value: Any) -> str:
    """Give the value as it would be written in a file, cut when it is long."""
    text = _toml(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        pairs = (f"{dotted((key,))} = {_toml(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)


def duration(ms: int) -> str:
    """Give a duration as people read it: ``500 ms``, ``1.5 s``, ``90 s``."""
    return f"{ms} ms" if abs(ms) < 1_000 else f"{ms / 1_000:.12g} s"  # noqa: PLR2004 - a second


def listed(words: Iterable[str], last: str = "and") -> str:
    """Give *words* as a sentence lists them: ``a, b and c``."""
    *most, end = list(words) or [""]
    return f"{', '.join(most)} {last} {end}" if most else end


def near(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that was probably meant."""
    plain = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), plain, n=1)
    return plain[found[0]] if found else None


def meant(word: str, known: Iterable[str]) -> str:
    """Give the sentence that proposes the word meant, or lists the known ones."""
    names = sorted(known)
    if best := near(word, names):
        return f"Did you mean {best}?"
    return f"Known here: {', '.join(names)}." if names else ""
