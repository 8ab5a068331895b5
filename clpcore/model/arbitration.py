"""What an arbiter keeps: one record a group, one session a server (ownership.md 3).

Not the record of the journals, ``model.ownership.Record``: that one says what operators want, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore.model.ids import Boot


@attrs.frozen
class Holder:
    """Who may be serving: the right belongs to one boot of a server, and dies with it.

    Attributes:
        server: its name.
        boot: the life of it that has the right.
        epoch: the number of this ownership: per group, it only grows.

    """

    server: str
    boot: Boot
    epoch: int


@attrs.frozen(kw_only=True)
class Record:
    """A group's ownership, one value.

    Attributes:
        epoch: of the last claim; 0: it was never claimed.
        holder: None when it is released or was never claimed.
        suspects: former holders not yet proven stopped.
        evidence: sentences, one for each suspect that was taken off.
        outdated: mirror sides that must not be promoted.
        lapses_in: ms until the holder's session lapses, as the arbiter sees it, None without a
            session: for when to ask again and for operators. It proves nothing.

    """

    epoch: int = 0
    holder: Holder | None = None
    suspects: tuple[Holder, ...] = ()
    evidence: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    lapses_in: int | None = attrs.field(default=None, eq=False)


@attrs.frozen(kw_only=True)
class Session:
    """The lease of one boot of a server, for all that it holds.

    Attributes:
        server: its name.
        boot: the life of it that the lease belongs to.
        lease: milliseconds.
        held: epoch by group.

    """

    server: str
    boot: Boot
    lease: int
    held: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen
class Read:
    """How does the record stand?"""


@attrs.frozen
class Claim:
    """Make *me* the holder."""

    me: Holder


@attrs.frozen
class Renew:
    """Keep or begin *session*."""

    session: Session


@attrs.frozen
class Amend:
    """Write *record*, whose suspects were cleared."""

    record: Record


@attrs.frozen
class Release:
    """Free the record that *me* holds."""

    me: Holder


@attrs.frozen
class Disclaim:
    """Take *me* off the suspects: I have stopped."""

    me: Holder


Question = Read | Claim | Renew | Amend | Release | Disclaim
