"""What may become of a group's record and of a server's lease: the arbiter's laws, as values.

docs/explanation/ownership.md has the protocol; ``api.Arbiter`` says what each transaction grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from clpcore import api

NEVER_WRITTEN: Final = api.Record()


class Forgotten(Exception):
    """A holder asks about a record that was never written here: memory was lost."""


@attrs.frozen
class Lease:
    """The session of one boot of a server.

    Attributes:
        boot: the newest that ever asked.
        longest: the longest lease in ms that it had: what a restart of the witness gives it anew.
        until: when it lapses, ms of the witness's clock.

    """

    boot: api.Boot
    longest: int
    until: int

    def durable(self) -> tuple[api.Boot, int]:
        """Give what a restart must know of it."""
        return self.boot, self.longest


Leases = Mapping[str, Lease]  # by server


def lapses_in(record: api.Record, leases: Leases, now: int) -> int | None:
    """Give ms until the session of the record's holder lapses; None: it has none."""
    holder = record.holder
    lease = leases.get(holder.server) if holder else None
    if holder is None or lease is None or lease.boot != holder.boot:
        return None
    return max(0, lease.until - now)


def claim(record: api.Record, me: api.Holder, leases: Leases, now: int) -> api.Record:
    """Make *me* the holder, if it may be; else the record stays."""
    mine = leases.get(me.server)
    if mine is not None and mine.boot > me.boot:
        return record  # a late word of a life that is over
    if me.epoch < 1 or record.epoch not in (0, me.epoch - 1):
        return record
    former = record.holder
    if former is not None:
        is_my_past = former.server == me.server and former.boot < me.boot
        if lapses_in(record, leases, now) and not is_my_past:
            return record
    suspects = dict.fromkeys((*record.suspects, *((former,) if former else ())))
    return attrs.evolve(
        record, epoch=me.epoch, holder=me, suspects=tuple(suspects), evidence=(), lapses_in=None
    )


def amend(record: api.Record, new: api.Record) -> api.Record:
    """Write the owner's word; who is not the owner changes nothing.

    Who has taken itself off the suspects since the owner looked stays off.
    """
    is_owners = record.holder is not None and new.holder == record.holder
    if not is_owners or new.epoch != record.epoch:
        return record
    still = tuple(each for each in new.suspects if each in record.suspects)
    return attrs.evolve(new, suspects=still, lapses_in=None)


def release(record: api.Record, me: api.Holder) -> api.Record:
    """Free the record of its holder; the epoch stays."""
    freed = attrs.evolve(record, holder=None) if record.holder == me else record
    return disclaim(freed, me)


def disclaim(record: api.Record, me: api.Holder) -> api.Record:
    """Take the entries of my boot up to my epoch off the suspects."""
    rest = tuple(
        one
        for one in record.suspects
        if (one.server, one.boot) != (me.server, me.boot) or one.epoch > me.epoch
    )
    return record if rest == record.suspects else attrs.evolve(record, suspects=rest)


def renew(
    records: Mapping[str, api.Record], leases: Leases, session: api.Session, now: int
) -> Lease | None:
    """Give the lease as it is from now on; None: the session is lost.

    Raises:
        Forgotten: no record says that it is lost, but one that must be there is not.

    """
    before = leases.get(session.server)
    if before is not None and not _may_follow(before, session.boot, now):
        return None
    forgotten = []
    for group, epoch in session.held.items():
        record = records.get(group, NEVER_WRITTEN)
        if record.epoch == 0:
            forgotten.append(group)
        elif record.holder != api.Holder(session.server, session.boot, epoch):
            return None
    if forgotten:
        raise Forgotten(", ".join(sorted(forgotten)))
    until, longest = now + session.lease, session.lease
    if before is not None and before.boot == session.boot:
        until, longest = max(until, before.until), max(longest, before.longest)
    return Lease(session.boot, longest, until)


def _may_follow(before: Lease, boot: api.Boot, now: int) -> bool:
    """Tell whether *boot* may have a session after *before*.

    Two lives with one number cannot be told apart by age: the one that is here keeps its session.
    """
    if before.boot.counter == boot.counter and before.boot.id != boot.id:
        return before.until <= now
    return before.boot.counter <= boot.counter
