"""What servers say to each other: the heartbeat (UDP) and the letters (TCP).

Sender and incarnation come with the sealed frame, never from the body, except the boot id, which
is too long for every frame. Letters may be lost, late or repeated; the sender asks again.
"""

from __future__ import annotations

import attrs

from clpcore.model.ids import Boot, View
from clpcore.model.kept import Maintenance, Trouble
from clpcore.model.ownership import Evidence, Record, Version
from clpcore.model.reasons import Because
from clpcore.model.requests import Request
from clpcore.model.states import Event, Phase, Shown


@attrs.frozen
class Heard:
    """The newest boot that the sender heard of *server*, and whether it hears it now."""

    server: str
    boot: int
    now: bool


@attrs.frozen
class Held:
    """A group that the sender serves, or may be serving, and under which epoch."""

    group: str
    epoch: int


@attrs.frozen(kw_only=True)
class Beat:
    """A sign of life. *report* is the number of the sender's newest report.

    *revision* names the configuration that the sender has committed; the core does not read it.
    *fences* are the servers whose forced stop the sender has asked for and not yet seen.
    *may_freeze*: a freeze of the sender is announced: it may be silent for longer.
    *at* is the sender's own time: beats that overtake each other are told apart by it.
    """

    boot_id: str
    phase: Phase
    join: int  # order of admission, 0 before; the lowest among the online leads
    view: View
    hears: tuple[Heard, ...]
    held: tuple[Held, ...]
    report: int
    verification: bool = False
    revision: str = ""
    fences: tuple[str, ...] = ()
    may_freeze: bool = False
    at: int = attrs.field(default=0, eq=False)


@attrs.frozen
class Challenge:
    """Which records do you hold of these groups? (all, when empty)."""

    groups: tuple[str, ...] = ()


@attrs.frozen
class Records:
    """Answer to a challenge, bound to the boot that asked."""

    to: Boot
    records: tuple[Record, ...]


@attrs.frozen
class Propose:
    """Persist these records and say so, or refuse. Bound to the boot that is asked."""

    to: Boot
    records: tuple[Record, ...]


@attrs.frozen
class Agreed:
    """One group's version that the sender has persisted."""

    group: str
    version: Version


@attrs.frozen
class Accept:
    """Answer to a proposal, bound to the boot that proposed."""

    to: Boot
    agreed: tuple[Agreed, ...]


@attrs.frozen
class Refusal:
    """Why the sender did not persist *version*; *record* is what it holds."""

    version: Version
    record: Record
    because: Because


@attrs.frozen
class Refuse:
    """Answer to a proposal, bound to the boot that proposed."""

    to: Boot
    refusals: tuple[Refusal, ...]


@attrs.frozen
class Nominate:
    """Please take *group*; I saw this record. Carries no right: the receiver claims for itself."""

    group: str
    epoch: int
    version: Version
    event: Event
    previous: str


@attrs.frozen(kw_only=True)
class StopGroup:
    """To the owner: deactivate and release. *heir*: who shall take it; empty: nobody."""

    group: str
    epoch: int
    event: Event
    heir: str
    stay_stopped: bool


@attrs.frozen
class Forward:
    """An operator's request, for the server that decides on it."""

    request: Request


@attrs.frozen
class Reply:
    """How the request ended."""

    request: str
    ok: bool
    because: tuple[Because, ...]


@attrs.frozen
class Bye:
    """The sender left cleanly: its boot runs nothing any more."""

    boot: int


@attrs.frozen(kw_only=True)
class GroupReport:
    """What one server says of one group."""

    group: str
    state: Shown
    epoch: int  # under which it serves, 0: it does not
    current: bool  # it may claim (ownership.md 4.1)
    resources: tuple[tuple[str, Shown], ...]
    refuses: Because | None = None  # why this server cannot take the group
    note: Because | None = None  # what it waits for, or why it failed


@attrs.frozen(kw_only=True)
class MonitorReport:
    """What one server says of one monitor."""

    monitor: str
    state: Shown
    detail: str = ""
    dummy: bool = False


@attrs.frozen(kw_only=True)
class Report:
    """What changed since report *base*; base 0 is the whole."""

    version: int
    base: int
    groups: tuple[GroupReport, ...]
    monitors: tuple[MonitorReport, ...]
    troubles: tuple[Trouble, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    stopped: tuple[Evidence, ...] = ()


@attrs.frozen
class AskReport:
    """Please send the whole report again: I missed one."""


@attrs.frozen
class AskPromise:
    """The arbiter does not answer me: promise me to claim nothing for a while. *number* is mine."""

    number: int


@attrs.frozen
class Promise:
    """From now on I claim and activate nothing new for as long as a lease. Bound to who asked."""

    to: Boot
    number: int


Letter = (
    Challenge
    | Records
    | Propose
    | Accept
    | Refuse
    | Nominate
    | StopGroup
    | Forward
    | Reply
    | Bye
    | Report
    | AskReport
    | AskPromise
    | Promise
)
