"""Revisions of the configuration, and what agents say to each other about them.

A revision is conf.d and scripts as one bundle of bytes. These words go over the sessions beside the
letters and never through ``decide.step``: the core decides with the configuration, not on it.
Like letters they may be lost; whoever asked asks again, or gives up.
"""

from __future__ import annotations

from typing import Final

import attrs

from clpcore.model.questions import AnswerPart, AskStatus, TakeNotice
from clpcore.model.reasons import Because

MOST_BYTES: Final = 4 * 1024 * 1024  # of a bundle
SHORT: Final = 12  # characters of a digest that tell revisions of one number apart


@attrs.frozen(order=True)
class Revision:
    """The identity of a configuration: its number, and the SHA-256 of its bundle in hex."""

    number: int
    digest: str

    @property
    def name(self) -> str:
        """Give it as folders and heartbeats have it."""
        return f"{self.number:06}-{self.digest[:SHORT]}"


def number_of(name: str) -> int:
    """Give the number in a revision's name, 0 if it is none."""
    number, _, digest = name.partition("-")
    return int(number) if number.isdecimal() and len(number) < SHORT and digest else 0


@attrs.frozen(kw_only=True)
class About:
    """Where a revision comes from: *at* is the wall clock's time in ms, *by* a user's name."""

    by: str = ""
    server: str = ""
    at: int = 0
    comment: str = ""


@attrs.frozen(kw_only=True)
class Finding:
    """A problem that a server found in a configuration; *line* is 0 where no line is to blame."""

    file: str = ""
    line: int = 0
    key: str = ""
    what: str
    remedy: str = ""


@attrs.frozen(kw_only=True)
class Prepare:
    """Fetch *revision* from me, check it as you would use it, hold it, and say whether it can be.

    *base* names the revision that it replaces, which must be yours; *insist* takes any that is not
    newer. *dry*: only check.
    """

    apply: str  # the identity of this attempt
    base: str
    revision: Revision
    about: About
    dry: bool = False
    insist: bool = False


@attrs.frozen(kw_only=True)
class Prepared:
    """Answer to a Prepare; *because* says why not, *findings* what was found."""

    apply: str
    because: Because | None = None
    findings: tuple[Finding, ...] = ()


@attrs.frozen
class Commit:
    """The sender has committed the revision of this name, which you hold: do the same.

    Then start again with it: at once, or, where it makes heartbeats pause, at an Again.
    """

    apply: str
    revision: str


@attrs.frozen
class Committed:
    """Answer to a Commit: it is on disk, or *because* says why not."""

    apply: str
    because: Because | None = None


@attrs.frozen
class Again:
    """Start again now, with what you have committed: everybody has it, or cannot be waited for."""

    apply: str


@attrs.frozen
class Abandon:
    """Drop what you hold: it will not be committed."""

    apply: str


@attrs.frozen
class Waiting:
    """A group that is stopped for an apply: where it was, and with which epoch.

    A higher epoch says that somebody has started it since.
    """

    group: str
    server: str
    epoch: int


@attrs.frozen(kw_only=True)
class Note:
    """Make durable which groups must be started again, whatever becomes of *coordinator*.

    It comes before the first of them is stopped. *holders* are all who note it. Nothing *waiting*:
    all of that apply have ended, forget them.
    """

    apply: str
    coordinator: str
    holders: tuple[str, ...] = ()
    waiting: tuple[Waiting, ...] = ()


@attrs.frozen
class Noted:
    """Answer to a Note: it is on disk."""

    apply: str


@attrs.frozen
class AskNote:
    """Tell me, whose apply it is, what still waits of it: a Note is the answer."""

    apply: str


@attrs.frozen
class AskPart:
    """Send me the bundle of the revision of this name from *offset* on."""

    name: str
    offset: int


@attrs.frozen(kw_only=True)
class Part:
    """A piece of a bundle in base64; *revision* is None if the sender has none of that name."""

    name: str
    offset: int
    revision: Revision | None = None
    about: About = About()
    size: int = 0
    data: str = ""


# With what they ask each other for operators: all that goes over a session and is no letter.
Dispatch = (
    Prepare
    | Prepared
    | Commit
    | Committed
    | Again
    | Abandon
    | Note
    | Noted
    | AskNote
    | AskPart
    | Part
    | AskStatus
    | TakeNotice
    | AnswerPart
)
