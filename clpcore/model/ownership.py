"""The record that says who may serve a group, and what proves that others do not.

Protocol: ``docs/explanation/ownership.md``; the shape leaves room for arbiter and fencing.
"""

from __future__ import annotations

import enum

import attrs

from clpcore.model.ids import Boot
from clpcore.model.states import Event

_EVENTS = frozenset(event.value for event in Event)


class Wanted(enum.Enum):
    """What the operator, or the cluster for a stated reason, wants of a group."""

    AUTO = "auto"  # run it wherever possible
    STOPPED = "stopped"  # an operator, or the start-up attribute, says no
    BLOCKED = "blocked"  # both sides were active with equal epochs: the operator decides

    def at_cold_start(self, *, auto: bool) -> Wanted:
        """Give what a cluster that starts anew wants; *auto*: the group's start-up attribute."""
        if self is Wanted.BLOCKED:
            return self
        return Wanted.AUTO if auto else Wanted.STOPPED


class EvidenceKind(enum.Enum):
    """Why a server's boot may be treated as not running a group (ownership.md 5)."""

    CLEAN = "clean leave"
    NEW_BOOT = "new boot"
    FENCED = "forced stop"  # the power state was read as off
    LEASE = "lease lapsed"
    OPERATOR = "operator's word"
    NP = "NP resolution"  # it answers here; the other side may reach it as well
    NONE = "no proof"  # only with unproven_takeover

    @property
    def proven(self) -> bool:
        """Tell whether it is more than an assumption."""
        return self not in {EvidenceKind.NP, EvidenceKind.NONE}


@attrs.frozen
class Evidence:
    """*kind* says that the boots of *server* up to *boot* (a counter) run nothing any more."""

    server: str
    boot: int
    kind: EvidenceKind


@attrs.frozen(order=True)
class Version:
    """Number of a record: two different records never have the same one."""

    round: int = 0
    proposer: str = ""


Rank = tuple[int, int, str]  # epoch, round, proposer: see Record.rank


@attrs.frozen(kw_only=True)
class Record:
    """A group's ownership, as one server's journal holds it.

    An empty *owner* means released. *cohort* is who must agree, or be proven stopped, before
    anybody claims. *outdated* lists mirror sides that must not be promoted. *evidence* is what the
    claim of *epoch* rested on. *arbitrated*: an arbiter gave this epoch. *heir* is the server that
    a releasing owner chose; *event* and *avoid* say why it released and who should not be chosen.
    """

    group: str
    version: Version = Version()
    epoch: int = 0
    owner: str = ""
    boot: Boot = Boot(0)
    cohort: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    wanted: Wanted = Wanted.AUTO
    heir: str = ""
    event: str = ""
    avoid: tuple[str, ...] = ()
    previous: str = ""
    arbitrated: bool = False

    def why(self, default: Event) -> Event:
        """Give the event as a value; *default* for none, or for a word of another version."""
        return Event(self.event) if self.event in _EVENTS else default

    @property
    def rank(self) -> Rank:
        """Give its place among the records of this group.

        The epoch comes first: after an unproven takeover two lines of records exist, and the
        higher epoch wins whatever the version counters say (R43). In one line both agree.
        """
        return self.epoch, self.version.round, self.version.proposer
