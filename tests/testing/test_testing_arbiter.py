"""A right arbiter passes; each wrong one is caught, by the law that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import pytest

from clpcore import api
from clpcore.testing import ArbiterSuite, Suite, World, rules

Complaints = Callable[[type[Suite]], dict[str, str]]


@attrs.frozen(kw_only=True)
class Stored:
    """All that the store holds, under one tag: sessions by server, as (boot, lapses at)."""

    tag: int = 0
    record: api.Record = api.Record()
    sessions: Mapping[str, tuple[api.Boot, int]] = attrs.field(factory=dict)
    now: int = 0

    def is_live(self, holder: api.Holder | None) -> bool:
        boot, until = self.sessions.get(holder.server if holder else "", (None, 0))
        return holder is not None and boot == holder.boot and until > self.now


def load() -> Stored:
    raise NotImplementedError


def save(_stored: Stored) -> bool:
    raise NotImplementedError


@attrs.frozen
class Config:
    """It has no settings."""


@attrs.frozen
class Right:
    """Every transaction: load, decide, and save if nobody else has saved meanwhile."""

    config: Config

    async def _transact(self, ports: api.Ports, decide: Callable[[Stored], Stored]) -> Stored:
        try:
            for _ in range(5):
                old: Stored = await ports.outside(load)
                new = decide(old)
                if new == old or await ports.outside(save, new):
                    return new
        except OSError as error:
            raise api.Failed(f"the store cannot be reached: {error}") from error
        raise api.Failed("somebody else writes all the time")

    async def _change(self, ports: api.Ports, decide: Callable[[Stored], api.Record]) -> api.Record:
        new = await self._transact(ports, lambda old: attrs.evolve(old, record=decide(old)))
        return new.record

    async def read(self, call: api.Call, ports: api.Ports) -> api.Record:
        return (await self._transact(ports, lambda old: old)).record

    async def claim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._change(ports, lambda old: self.claimed(old, me))

    async def renew(self, call: api.Call, ports: api.Ports, session: api.Session) -> bool:
        new = await self._transact(ports, lambda old: self.renewed(old, session, call.group))
        if call.group in session.held and self.forgot(new):
            raise api.Failed(f"there is no record of {call.group}: the store has lost its memory")
        return self.keeps(new, session, call.group)

    async def amend(self, call: api.Call, ports: api.Ports, record: api.Record) -> api.Record:
        return await self._change(ports, lambda old: self.amended(old.record, record))

    async def release(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._change(ports, lambda old: self.released(old.record, me))

    async def disclaim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return await self._change(ports, lambda old: self.disclaimed(old.record, me))

    # -- the laws, as values

    def claimed(self, old: Stored, me: api.Holder) -> api.Record:
        record = old.record
        if record.epoch not in {0, me.epoch - 1}:
            return record
        if old.is_live(record.holder) and not self.succeeds(me, record.holder):
            return record
        former = (record.holder,) if record.holder else ()
        return attrs.evolve(
            record, epoch=me.epoch, holder=me, suspects=record.suspects + former, evidence=()
        )

    def succeeds(self, me: api.Holder, holder: api.Holder | None) -> bool:
        return holder is not None and me.server == holder.server and me.boot > holder.boot

    def forgot(self, old: Stored) -> bool:
        return old.record.epoch == 0

    def keeps(self, old: Stored, session: api.Session, group: str) -> bool:
        boot, _ = old.sessions.get(session.server, (session.boot, 0))
        epoch = session.held.get(group)
        mine = epoch is None or old.record.holder == api.Holder(session.server, session.boot, epoch)
        return boot.counter <= session.boot.counter and mine

    def renewed(self, old: Stored, session: api.Session, group: str) -> Stored:
        if not self.keeps(old, session, group):
            return old
        until = (session.boot, old.now + session.lease)
        return attrs.evolve(old, sessions={**old.sessions, session.server: until})

    def amended(self, old: api.Record, new: api.Record) -> api.Record:
        if (new.epoch, new.holder) != (old.epoch, old.holder):
            return old
        still = tuple(each for each in new.suspects if each in old.suspects)
        return attrs.evolve(new, suspects=still)

    def released(self, old: api.Record, me: api.Holder) -> api.Record:
        freed = attrs.evolve(old, holder=None) if old.holder == me else old
        return self.disclaimed(freed, me)

    def disclaimed(self, old: api.Record, me: api.Holder) -> api.Record:
        rest = tuple(
            one
            for one in old.suspects
            if (one.server, one.boot) != (me.server, me.boot) or one.epoch > me.epoch
        )
        return attrs.evolve(old, suspects=rest)


def machine() -> World:
    world = World(facts={"stored": Stored()})

    def stored() -> Stored:
        found: Stored = world.facts["stored"]
        return attrs.evolve(found, now=world.clock)

    def compare_and_set(new: Stored) -> bool:
        if new.tag != world.facts["stored"].tag:
            return False
        world.facts["stored"] = attrs.evolve(new, tag=new.tag + 1)
        return True

    world.library = {load: stored, save: compare_and_set}
    return world


def suite_of(driver: Callable[[Config], Any]) -> type[ArbiterSuite]:
    class Kit(ArbiterSuite):
        spec = api.DriverSpec(
            kind=api.Kind.ARBITER,
            name="acmestore",
            api=api.API,
            summary="A store with compare-and-set.",
            config=Config,
            make=driver,
        )

        def world(self) -> World:
            return machine()

    return Kit


def test_a_right_arbiter_breaks_no_law(complaints: Complaints) -> None:
    assert complaints(suite_of(Right)) == {}


class WritesBlindly(Right):
    async def claim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        old = await ports.outside(load)
        record = self.claimed(old, me)
        newest = await ports.outside(load)
        await ports.outside(save, attrs.evolve(newest, record=record))
        return record


class AnyEpoch(Right):
    def claimed(self, old: Stored, me: api.Holder) -> api.Record:
        return super().claimed(
            attrs.evolve(old, record=attrs.evolve(old.record, epoch=me.epoch - 1)), me
        )


class CountsAnew(Right):
    def claimed(self, old: Stored, me: api.Holder) -> api.Record:
        return super().claimed(old, me) if me.epoch == old.record.epoch + 1 else old.record


class LosesWhatItForgot(Right):
    def forgot(self, old: Stored) -> bool:
        return False


class WaitsForADeadLife(Right):
    def succeeds(self, me: api.Holder, holder: api.Holder | None) -> bool:
        return False


class ForgetsTheEpoch(Right):
    def released(self, old: api.Record, me: api.Holder) -> api.Record:
        return api.Record() if old.holder == me else old


class AnybodyReleases(Right):
    def released(self, old: api.Record, me: api.Holder) -> api.Record:
        return attrs.evolve(old, holder=None)


class AnybodyAmends(Right):
    def amended(self, old: api.Record, new: api.Record) -> api.Record:
        return new


class AnyBootRenews(Right):
    def keeps(self, old: Stored, session: api.Session, group: str) -> bool:
        return True


class NoLease(Right):
    def claimed(self, old: Stored, me: api.Holder) -> api.Record:
        return super().claimed(attrs.evolve(old, sessions={}), me)


class ForgetsSuspects(Right):
    def claimed(self, old: Stored, me: api.Holder) -> api.Record:
        record = super().claimed(old, me)
        return attrs.evolve(record, suspects=()) if record.holder == me else record


class SuspectsAgain(Right):
    def amended(self, old: api.Record, new: api.Record) -> api.Record:
        return new if (new.epoch, new.holder) == (old.epoch, old.holder) else old


class ClaimsOnce(Right):
    async def claim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        if (await self.read(call, ports)).holder == me:
            raise api.Failed("it is mine already")
        return await super().claim(call, ports, me)


class WinsInSilence(Right):
    async def claim(self, call: api.Call, ports: api.Ports, me: api.Holder) -> api.Record:
        return attrs.evolve(await self.read(call, ports), epoch=me.epoch, holder=me)


class ReleasesAnew(Right):
    def released(self, old: api.Record, me: api.Holder) -> api.Record:
        freed = super().released(old, me)
        return attrs.evolve(freed, evidence=(*freed.evidence, f"{me.server} released"))


class ShowsALostAnswer(Right):
    async def read(self, call: api.Call, ports: api.Ports) -> api.Record:
        return (await ports.outside(load)).record


@pytest.mark.parametrize(
    ("driver", "rule"),
    [
        (WritesBlindly, rules.ONE_WINS),
        (AnyEpoch, rules.EPOCH_GROWS),
        (CountsAnew, rules.NEW_STORE),
        (LosesWhatItForgot, rules.LOST_MEMORY),
        (WaitsForADeadLife, rules.SESSION_GUARDS),
        (ForgetsTheEpoch, rules.EPOCH_GROWS),
        (AnybodyReleases, rules.OTHERS_REFUSED),
        (AnybodyAmends, rules.OTHERS_REFUSED),
        (AnyBootRenews, rules.OTHERS_REFUSED),
        (NoLease, rules.SESSION_GUARDS),
        (ForgetsSuspects, rules.SUSPECTS_STAY),
        (SuspectsAgain, rules.SUSPECTS_STAY),
        (ClaimsOnce, rules.HEALTHY),
        (WinsInSilence, rules.CLAIM_WINS),
        (ReleasesAnew, rules.ASKED_TWICE),
        (ShowsALostAnswer, rules.NO_BUG),
    ],
)
def test_a_wrong_arbiter_is_caught(
    driver: Callable[[Config], Any], rule: rules.Rule, complaints: Complaints
) -> None:
    found = complaints(suite_of(driver))
    assert any(rule.says in text and rule.next_step in text for text in found.values()), found
