"""What ``clp config import`` prints of its findings: one paragraph for each reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from clpcore.config.clpconf.findings import Finding, Sort

_WIDTH: Final = 100
_LONGEST: Final = 60  # of a value
_TITLES: Final = {
    Sort.WRONG: "Wrong in it; set these by hand",
    Sort.FILL_IN: "To fill in by hand; nothing was guessed",
    Sort.NO_DRIVER: "Without a driver here",
    Sort.NOT_LOADED: "Not loaded",
    Sort.UNKNOWN: "Unknown tags, left out; nothing was guessed",
    Sort.NOT_HERE: "Known and left out",
    Sort.DIFFERENT: "Different on purpose",
}
_MEMORY: Final = (
    "clp.conf holds only what differs from the product's defaults. Times and retries of monitors "
    "that it does not hold are written as we remember the product's: compare those that matter "
    "with the product's own screens. Lines that say \"the product's default\" are such."
)


def render(findings: Iterable[Finding]) -> str:
    """Give the findings by their reason, those that need a hand first."""
    found = tuple(findings)
    parts = [
        "\n".join([f"{title}:", *(line for one in some for line in _lines(one))])
        for sort, title in _TITLES.items()
        if (some := [one for one in found if one.sort is sort])
    ]
    return "\n\n".join([*parts, textwrap.fill(_MEMORY, _WIDTH)]) + "\n"


def _lines(finding: Finding) -> Iterator[str]:
    value = _shown(finding.value)
    if finding.path:
        yield f"  {finding.line}: {_printable(finding.path)}{f' = {value}' if value else ''}"
    sentence = f"{finding.what} {finding.remedy}".strip()
    yield from textwrap.wrap(
        _printable(sentence),
        _WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )


def _shown(value: str) -> str:
    text = _printable(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
