"""The suite for arbiters: the laws of a compare-and-set store."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import attrs

from clpcore import api
from clpcore.testing import rules
from clpcore.testing.suite import Suite
from clpcore.testing.world import World

_LEASE: Final = 60_000  # ms


def holder(server: str, epoch: int, boot: int = 1) -> api.Holder:
    """Give a claimant."""
    return api.Holder(server, api.Boot(boot, f"{server}-boot-{boot}"), epoch)


class ArbiterSuite(Suite):
    """Rules for an arbiter. In ``world()`` its store is empty and can be reached."""

    def ask(self, world: World, method: str, *args: Any) -> Any:
        """Do one transaction in a healthy world."""
        ended = self.play(world, method, *args)
        if not ended.returned:
            self.break_rule(rules.HEALTHY, f"{method} {ended.how}")
        return ended.value

    def owned(self) -> tuple[World, api.Holder]:
        """Give a world in which node1 has a session and holds the group with epoch 1."""
        world, me = self.world(), holder("node1", 1)
        self._renew(world, me, {})
        if self.ask(world, "claim", me).holder != me:
            self.break_rule(rules.CLAIM_WINS, f"the claim of {me} in an empty store did not win")
        return world, me

    def _renew(self, world: World, me: api.Holder, held: dict[str, int]) -> bool:
        session = api.Session(server=me.server, boot=me.boot, lease=_LEASE, held=held)
        kept: bool = self.ask(world, "renew", session)
        return kept

    # -- the laws

    def test_an_empty_store_has_epoch_zero(self) -> None:
        """And reading changes nothing."""
        found = self.look(self.world, "read")
        if found != api.Record():
            self.break_rule(rules.RIGHT_TYPE, f"read of an empty store gave {found!r:.200}")

    def test_a_claim_is_seen_by_everybody(self) -> None:
        """Claimed is what read says."""
        world, me = self.owned()
        found = self.ask(world, "read")
        if (found.epoch, found.holder) != (1, me):
            self.break_rule(rules.CLAIM_WINS, f"after the claim of {me} read gives {found}")

    def test_one_of_two_racing_claims_wins(self) -> None:
        """They run at the same time, step by step."""
        world = self.world()
        claimants = [holder("node1", 1), holder("node2", 1)]
        for me in claimants:
            self._renew(world, me, {})

        async def race(ports: api.Ports) -> list[Any]:
            drivers = [self.driver() for _ in claimants]
            claims = [
                driver.claim(self._call_of(me, ports), ports, me)
                for driver, me in zip(drivers, claimants, strict=True)
            ]
            return await asyncio.gather(*claims, return_exceptions=True)

        ended = self.play_act(world, race)
        found = self.ask(world, "read")
        answers = ended.value or []
        won = [
            me
            for me, answer in zip(claimants, answers, strict=False)
            if isinstance(answer, api.Record) and answer.holder == me
        ]
        if len(won) != 1 or found.holder not in won or found.epoch != 1:
            seen = f"{len(won)} of 2 racing claims won, and read gives {found}"
            self.break_rule(rules.ONE_WINS, seen)

    def test_the_epoch_only_grows(self) -> None:
        """Claims of a wrong epoch are refused, and release keeps it."""
        world, me = self.owned()
        self.ask(world, "release", me)
        for epoch in (0, 1, 3):
            self.ask(world, "claim", holder("node2", epoch))
            found = self.ask(world, "read")
            if found.epoch != 1 or found.holder is not None:
                seen = f"after release of epoch 1 a claim of {epoch} gives {found}"
                self.break_rule(rules.EPOCH_GROWS, seen)
        other = holder("node2", 2)
        if self.ask(world, "claim", other).holder != other:
            self.break_rule(rules.EPOCH_GROWS, "after release of epoch 1 a claim of 2 is refused")

    def test_a_new_store_takes_the_count_of_the_cluster(self) -> None:
        """A claim of any epoch wins there, once."""
        world, me = self.world(), holder("node1", 7)
        self._renew(world, me, {})
        if self.ask(world, "claim", me).holder != me:
            self.break_rule(rules.NEW_STORE, f"the claim of {me} in an empty store did not win")
        self.ask(world, "release", me)
        if self.ask(world, "claim", holder("node2", 9)).epoch != me.epoch:
            self.break_rule(rules.EPOCH_GROWS, "after release of epoch 7 a claim of 9 is granted")

    def test_a_renewal_of_what_was_forgotten_is_no_answer(self) -> None:
        """The store has lost its memory; who holds the group cannot be told."""
        me = holder("node1", 7)
        session = api.Session(
            server=me.server, boot=me.boot, lease=_LEASE, held={self.call().group: me.epoch}
        )
        ended = self.play(self.world(), "renew", session)
        if not isinstance(ended.error, api.Failed):
            seen = f"renew of a group that was never written {ended.how}"
            self.break_rule(rules.LOST_MEMORY, seen)

    def test_others_are_refused(self) -> None:
        """A lower epoch, another boot, another server: none releases, amends or renews."""
        world, me = self.owned()
        self.ask(world, "release", me)
        owner = holder("node1", 2)
        self.ask(world, "claim", owner)
        before = self.ask(world, "read")
        for other in (me, holder("node1", 2, boot=0), holder("node2", 2)):
            for what, args in (
                ("release", other),
                ("amend", attrs.evolve(before, holder=other, outdated=("stranger",))),
                ("amend", attrs.evolve(before, epoch=1, outdated=("stranger",))),
            ):
                self.ask(world, what, args)
                found = self.ask(world, "read")
                if found != before:
                    seen = f"{what} of {other} turned {before} into {found}"
                    self.break_rule(rules.OTHERS_REFUSED, seen)
        if self._renew(world, owner, {self.call().group: 1}):
            seen = "renew with an epoch that the record does not name is granted"
            self.break_rule(rules.OTHERS_REFUSED, seen)

    def test_a_transaction_may_be_asked_twice(self) -> None:
        """The answer was lost, so it is asked again."""
        world, me = self.owned()
        again = self.ask(world, "claim", me)
        if (again.epoch, again.holder) != (1, me):
            self.break_rule(rules.ASKED_TWICE, f"the same claim again gives {again}")
        for what in ("release", "disclaim"):
            first, second = self.ask(world, what, me), self.ask(world, what, me)
            if first != second or second.epoch != 1:
                self.break_rule(rules.ASKED_TWICE, f"{what} gives {first} and then {second}")

    def test_a_live_session_keeps_the_group(self) -> None:
        """It is taken only when the session has lapsed; then the holder is a suspect."""
        world, me = self.owned()
        other = holder("node2", 2)
        world.pass_time(_LEASE - 1_000)
        if not self._renew(world, me, {self.call().group: 1}):
            self.break_rule(rules.SESSION_GUARDS, "renew of a live session was refused")
        world.pass_time(_LEASE - 1_000)
        if self.ask(world, "claim", other).holder != me:
            self.break_rule(rules.SESSION_GUARDS, "node2 took the group from a live session")
        self._renew(world, other, {})
        world.pass_time(2_000)
        found = self.ask(world, "claim", other)
        if found.holder != other or me not in found.suspects:
            seen = f"after the session lapsed, node2's claim gives {found}"
            self.break_rule(rules.SESSION_GUARDS, seen)
        if self._renew(world, me, {self.call().group: 1}):
            self.break_rule(rules.OTHERS_REFUSED, "renew of who lost the group is granted")

    def test_a_newer_boot_ends_the_session_of_an_older(self) -> None:
        """The older life is over."""
        world, me = self.owned()
        self._renew(world, holder("node1", 0, boot=2), {})
        if self._renew(world, me, {self.call().group: 1}):
            seen = "renew of boot 1 is granted after one of boot 2"
            self.break_rule(rules.SESSION_GUARDS, seen)

    def test_a_newer_boot_takes_what_an_older_held(self) -> None:
        """It need not wait for the lease of a life that is over; that life is a suspect."""
        world, me = self.owned()
        newer = holder("node1", 2, boot=2)
        found = self.ask(world, "claim", newer)
        if found.holder != newer or me not in found.suspects:
            seen = f"the claim of boot 2 for what boot 1 holds gives {found}"
            self.break_rule(rules.SESSION_GUARDS, seen)

    def test_suspects_stay_until_they_are_cleared(self) -> None:
        """Over a release and a claim; then the owner clears them, or they disclaim."""
        for how in ("amend", "disclaim"):
            world, me = self.owned()
            world.pass_time(2 * _LEASE)
            other = holder("node2", 2)
            self._renew(world, other, {})
            self.ask(world, "claim", other)
            self.ask(world, "release", other)
            third = holder("node2", 3)
            found = self.ask(world, "claim", third)
            if me not in found.suspects:
                seen = f"{me} is no suspect any more after release and claim: {found}"
                self.break_rule(rules.SUSPECTS_STAY, seen)
            rest = tuple(one for one in found.suspects if one != me)
            cleared = attrs.evolve(found, suspects=rest, evidence=(f"{me.server}: new boot",))
            self.ask(world, how, cleared if how == "amend" else me)
            if me in self.ask(world, "read").suspects:
                self.break_rule(rules.SUSPECTS_STAY, f"{how} did not take {me} off")
            self.ask(world, "amend", found)
            if me in self.ask(world, "read").suspects:
                seen = f"an amend by what the owner had read before {how} made {me} a suspect again"
                self.break_rule(rules.SUSPECTS_STAY, seen)

    # -- when the store fails

    def test_every_transaction_survives_every_fault(self) -> None:
        """No bug; and asked again in a healthy world it ends as if asked once."""
        me = holder("node1", 1)
        session = api.Session(server="node1", boot=me.boot, lease=_LEASE)
        for world, _, _, story in self.sweep(self.world, "claim", me):
            if self.ask(world, "claim", me).holder != me:
                self.break_rule(rules.ASKED_TWICE, f"claim after claim{story} is not won")
        for method, args in (("read", ()), ("renew", (session,)), ("release", (me,))):
            for world, _, _, _ in self.sweep(lambda: self.owned()[0], method, *args):
                self.ask(world, method, *args)

    def _call_of(self, me: api.Holder, ports: api.Ports) -> api.Call:
        return attrs.evolve(self.call(), server=me.server, deadline=ports.now() + _LEASE)
