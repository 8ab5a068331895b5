"""What is wrong with a configuration, where it stands, and what to do about it."""

from __future__ import annotations

from typing import Any

import attrs

from clpcore.model.reasons import Severity


@attrs.frozen(kw_only=True)
class Place:
    """A part of one line of a file; line and column count from 1."""

    file: str
    line: int
    column: int = 1
    width: int = 1
    text: str = ""  # the whole line


@attrs.frozen(kw_only=True)
class Problem:
    """Something wrong: what, at which key with which value, and the next step.

    An error keeps the configuration from being used; a warning is a risk that the operator should
    know, an info what is good to know. *key* is the dotted path as it would be written in a file,
    *value* as TOML.
    """

    severity: Severity
    what: str
    remedy: str = ""
    key: str = ""
    value: str = ""
    place: Place | None = None

    def as_json(self) -> dict[str, Any]:
        """Give it flat, in plain JSON types."""
        return {
            "severity": self.severity.value,
            "file": self.place.file if self.place else None,
            "line": self.place.line if self.place else None,
            "key": self.key,
            "value": self.value,
            "what": self.what,
            "remedy": self.remedy,
        }
