"""What a server does to keep groups from running twice, as far as its state tells."""

from __future__ import annotations

import enum

import attrs

from clpcore.model import arbitration
from clpcore.model.ownership import Rank
from clpcore.model.states import Event, Shown


class Wants(enum.Enum):
    """What this server wants of the arbiter about a group."""

    CLAIM = "claim"  # become its holder
    CLEAR = "clear"  # won; take the suspects off, by proof
    CHECK = "check"  # find out whether it still is
    RELEASE = "release"
    DISCLAIM = "disclaim"


@attrs.frozen(kw_only=True)
class LocalNp:
    """One way of NP resolution, as it answers here. Times are when the question was asked.

    Attributes:
        state: what operators see.
        detail: why.
        action: the question in flight, 0: none.
        asked_at: when it was asked last.
        next_at: when it is asked next.
        answered: the newest question that was answered.
        silent: the newest one that nobody answered; it could be asked.
        unasked: the newest one that could not be asked.
        silences: how many in a row nobody answered.

    """

    state: Shown = Shown.UNKNOWN
    detail: str = ""
    action: int = 0
    asked_at: int = 0
    next_at: int | None = None
    answered: int | None = None
    silent: int | None = None
    unasked: int | None = None
    silences: int = 0


@attrs.frozen(kw_only=True)
class LocalFence:
    """A forced stop of one server, from here.

    Attributes:
        boot: the life that shall end.
        since: when it became due.
        action: the request in flight, 0: none.
        level: which of the ways is in use, 0 is the first.
        tries: those that failed at this level.
        next_at: when the next try is due.
        failed: why all of them failed; then only a look that finds it possible begins anew.

    """

    boot: int
    since: int
    action: int = 0
    level: int = 0
    tries: int = 0
    next_at: int = 0
    failed: str = ""


@attrs.frozen(kw_only=True)
class Readiness:
    """Whether a forced stop of one server would work, as last looked at from here."""

    state: Shown = Shown.UNKNOWN
    detail: str = ""
    action: int = 0
    next_at: int = 0


@attrs.frozen(kw_only=True)
class Tenure:
    """What this server is doing at the arbiter about one group.

    Attributes:
        wants: what it is for.
        event: why, of a claim.
        previous: where the group was before a claim.
        action: the question in flight, 0: none.
        next_at: when to ask again.
        record: the group's record as the arbiter last told it.
        seen: the rank of the journal's record when a claim began.

    """

    wants: Wants
    event: Event = Event.START
    previous: str = ""
    seen: Rank = (0, 0, "")
    action: int = 0
    next_at: int = 0
    record: arbitration.Record | None = None


@attrs.frozen(kw_only=True)
class Session:
    """This boot's session at the arbiter; its end, the lease, is kept in /run.

    Attributes:
        sent_at: when the renewal in flight, or the last one, was sent.
        action: that in flight, 0: none.
        next_at: when the next one is due.
        renewed_at: when the last one was sent that was granted, since the agent's start.
        lost: the arbiter said that another one has what this server holds.
        detail: what it said when it could not be asked.
        asking: the number of the promises that are asked for, 0: none are.
        asked_at: since when.
        promised: who has promised.

    """

    sent_at: int = 0
    action: int = 0
    next_at: int = 0
    renewed_at: int | None = None
    lost: bool = False
    detail: str = ""
    asking: int = 0
    asked_at: int = 0
    promised: tuple[str, ...] = ()
