"""An arbiter in memory: one record a group, one session a server, each question one transaction."""

from __future__ import annotations

import attrs

from clpcore.model import arbitration
from clpcore.model.arbitration import Holder, Record, Session
from clpcore.model.ids import Boot
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict


@attrs.frozen
class Lease:
    boot: Boot
    until: int


@attrs.define(eq=False)
class Arbiter:
    """The store. *now* of a question is virtual time.

    *refuses_until*: after a restart it does not know which sessions there were, and grants nothing
    for as long as the longest of them could have been (ownership.md 3.3).
    """

    records: dict[str, Record] = attrs.field(factory=dict)
    leases: dict[str, Lease] = attrs.field(factory=dict)
    longest: int = 0
    refuses_until: int = 0
    copy: dict[str, Record] = attrs.field(factory=dict)

    def restart(self, now: int) -> None:
        """Forget the sessions, as a restart does; records are durable."""
        self.leases.clear()
        self.refuses_until = now + self.longest

    def forget(self) -> None:
        """Lose everything: what must never happen, and must do no harm."""
        self.records.clear()
        self.leases.clear()

    def answer(self, now: int, group: str, question: arbitration.Question) -> Outcome:
        """Carry out one transaction."""
        if isinstance(question, arbitration.Renew):
            return self._renew(now, question.session)
        record = self.records.get(group, Record())
        match question:
            case arbitration.Claim(me):
                record = self._claim(now, record, me)
            case arbitration.Amend(wanted):
                if (wanted.epoch, wanted.holder) == (record.epoch, record.holder):
                    still = tuple(each for each in wanted.suspects if each in record.suspects)
                    record = attrs.evolve(wanted, suspects=still)
            case arbitration.Release(me):
                holder = None if record.holder == me else record.holder
                record = _without(attrs.evolve(record, holder=holder), me)
            case arbitration.Disclaim(me):
                record = _without(record, me)
        if record.epoch:
            self.records[group] = attrs.evolve(record, lapses_in=None)
        return Outcome(
            verdict=Verdict.OK, record=attrs.evolve(record, lapses_in=self._lapses_in(now, record))
        )

    def _claim(self, now: int, record: Record, me: Holder) -> Record:
        follows = record.epoch in (me.epoch - 1, 0)
        holder, mine = record.holder, self.leases.get(me.server)
        free = holder is None or self._is_over(now, holder, me)
        if mine is not None and mine.boot.counter > me.boot.counter:
            return record  # a late word of a life that is over
        if not follows or not free or now < self.refuses_until:
            return record
        suspects = record.suspects if holder is None else (*record.suspects, holder)
        return attrs.evolve(record, epoch=me.epoch, holder=me, suspects=suspects, evidence=())

    def _is_over(self, now: int, holder: Holder, me: Holder) -> bool:
        if holder.server == me.server and holder.boot.counter < me.boot.counter:
            return True
        lease = self.leases.get(holder.server)
        return lease is None or lease.boot != holder.boot or lease.until <= now

    def _lapses_in(self, now: int, record: Record) -> int | None:
        if record.holder is None:
            return None
        lease = self.leases.get(record.holder.server)
        if lease is None or lease.boot != record.holder.boot:
            return None
        return max(0, lease.until - now)

    def _renew(self, now: int, session: Session) -> Outcome:
        known = self.leases.get(session.server)
        names = {g: self.records.get(g, Record()) for g in session.held}
        if any(record.epoch == 0 for record in names.values()):
            return Outcome(verdict=Verdict.FAILED, detail="the arbiter has lost its memory")
        kept = known is None or _may_follow(known, session.boot, now)
        for group, epoch in session.held.items():
            kept &= names[group].holder == Holder(session.server, session.boot, epoch)
        if kept:
            self.longest = max(self.longest, session.lease)
            self.leases[session.server] = Lease(session.boot, now + session.lease)
        return Outcome(verdict=Verdict.OK, kept=kept)


def _may_follow(known: Lease, boot: Boot, now: int) -> bool:
    """Tell whether *boot* may have a session: two lives with one number have no order."""
    if known.boot.counter == boot.counter and known.boot != boot:
        return known.until <= now
    return known.boot.counter <= boot.counter


def _without(record: Record, me: Holder) -> Record:
    """Take the entries of this boot, up to this epoch, off the suspects."""
    stay = tuple(
        each
        for each in record.suspects
        if (each.server, each.boot) != (me.server, me.boot) or each.epoch > me.epoch
    )
    return attrs.evolve(record, suspects=stay)
