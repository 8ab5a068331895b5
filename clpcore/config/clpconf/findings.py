"""What an import could not take over as it is, each with its place in clp.conf."""

from __future__ import annotations

import enum
from typing import Any

import attrs

from clpcore.config.clpconf.tree import Element


class Sort(enum.Enum):
    """Why it is told."""

    WRONG = "wrong"  # a value that the product itself would not have written
    FILL_IN = "to fill in"  # it has the value, in tags that nobody knows
    NO_DRIVER = "no driver"  # a type that no installed plugin brings
    NOT_LOADED = "not loaded"  # its driver is here, but something that it needs is not
    NOT_HERE = "not here"  # known, and clpcore does nothing of the kind
    DIFFERENT = "different"  # on purpose not as the product does it
    UNKNOWN = "unknown"  # nobody knows the tag: never guessed


@attrs.frozen(kw_only=True)
class Finding:
    """One of them; *path* is written as clpcfset writes it."""

    sort: Sort
    what: str
    remedy: str = ""
    path: str = ""
    value: str = ""
    line: int = 0

    @classmethod
    def at(cls, sort: Sort, element: Element, what: str, remedy: str = "") -> Finding:
        """Make one of *element*."""
        return cls(
            sort=sort,
            what=what,
            remedy=remedy,
            path=element.path,
            value=element.text,
            line=element.line,
        )

    def as_json(self) -> dict[str, Any]:
        """Give it in plain JSON types."""
        return {
            "sort": self.sort.value,
            "path": self.path,
            "line": self.line or None,
            "value": self.value,
            "what": self.what,
            "remedy": self.remedy,
        }
