"""Why: the sentence that every decision carries, as data."""

from __future__ import annotations

import enum

import attrs


class Severity(enum.Enum):
    """How loudly an operator is told."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@attrs.frozen
class Because:
    """One numbered sentence: a key of the catalogue in ``clpcore.messages`` and its arguments.

    An argument may be a sentence itself, so that the whole is rendered in one language.
    ``messages.because`` makes it (and checks key and arguments); ``messages.render`` reads it.
    """

    key: str
    args: tuple[tuple[str, str | Because], ...] = ()
