"""Leases and boots over restarts, and a memory that is new."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from clpcore import api
from clpcore_witness.service import ledger
from clpcore_witness.service.arbiter import SETTLED_AFTER, Arbiter
from clpcore_witness.service.ledger import Refused

LEASE = 60_000  # ms


_T = TypeVar("_T")


class _Witness(Protocol):
    """The fixture's: an arbiter that is begun anew for everything that it is asked."""

    folder: Path
    now: int

    def do(self, act: Callable[[Arbiter], Awaitable[_T]]) -> _T: ...
    def epoch(self, group: str = ...) -> int: ...
    def claim(self, epoch: int, server: str = ..., boot: int = ...) -> bool: ...
    def renew(self, server: str = ..., boot: int = ..., lease: int = ...) -> bool: ...
    def holder(self, epoch: int, server: str = ..., boot: int = ...) -> api.Holder: ...
    def session(self, server: str = ..., boot: int = ..., lease: int = ...) -> api.Session: ...


# -- a restart


def test_what_was_claimed_stands_after_a_restart(witness: _Witness) -> None:
    assert witness.claim(1)
    assert witness.epoch() == 1
    assert witness.claim(2, "node2")  # nobody had a lease
    found = witness.do(lambda arbiter: arbiter.read("c", "g"))
    assert (found.holder, found.suspects) == (witness.holder(2, "node2"), (witness.holder(1),))


def test_after_a_restart_a_lease_lapses_late_and_never_early(witness: _Witness) -> None:
    witness.renew()
    witness.claim(1)
    witness.now = 5  # the machine was started anew, and with it the clock
    assert not witness.claim(2, "node2")

    async def patience(arbiter: Arbiter) -> list[bool]:
        won = []
        for witness.now in (5 + LEASE - 1, 5 + LEASE):
            me = witness.holder(2, "node2")
            won.append((await arbiter.claim("c", "g", me)).holder == me)
        return won

    assert witness.do(patience) == [False, True]


def test_the_longest_lease_of_a_boot_counts_after_a_restart(witness: _Witness) -> None:
    witness.renew(lease=2 * LEASE)
    witness.renew(lease=LEASE)
    witness.claim(1)

    async def later(arbiter: Arbiter) -> int | None:
        return (await arbiter.read("c", "g")).lapses_in

    assert witness.do(later) == 2 * LEASE


def test_a_restart_does_not_bring_an_older_boot_back(witness: _Witness) -> None:
    witness.renew(boot=2)
    assert not witness.renew(boot=1)
    assert not witness.claim(1, boot=1)
    assert witness.claim(1, boot=2)


def test_a_newer_boot_and_a_longer_lease_are_written(witness: _Witness) -> None:
    async def grow(arbiter: Arbiter) -> None:
        for boot, lease in ((1, LEASE), (2, LEASE), (2, 3 * LEASE)):
            await arbiter.renew("c", witness.session(boot=boot, lease=lease))
        await arbiter.claim("c", "g", witness.holder(1, boot=2))

    witness.do(grow)
    assert not witness.renew(boot=1)
    assert witness.do(lambda arbiter: arbiter.read("c", "g")).lapses_in == 3 * LEASE


def test_of_two_lives_with_one_number_the_first_keeps_its_session(witness: _Witness) -> None:
    other = api.Session(server="node1", boot=api.Boot(1, "copy"), lease=LEASE)

    async def copied(arbiter: Arbiter) -> list[bool]:
        answers = [await arbiter.renew("c", witness.session()), await arbiter.renew("c", other)]
        witness.now += LEASE
        return [
            *answers,
            await arbiter.renew("c", other),
            await arbiter.renew("c", witness.session()),
        ]

    assert witness.do(copied) == [True, False, True, False]


def test_a_shorter_lease_does_not_cut_what_was_granted(witness: _Witness) -> None:
    async def shortened(arbiter: Arbiter) -> int | None:
        await arbiter.renew("c", witness.session())
        await arbiter.claim("c", "g", witness.holder(1))
        await arbiter.renew("c", witness.session(lease=1_000))
        return (await arbiter.read("c", "g")).lapses_in

    assert witness.do(shortened) == LEASE


def test_renewals_of_one_boot_write_nothing(witness: _Witness) -> None:
    async def renewed(arbiter: Arbiter) -> list[int]:
        sizes = []
        for _ in range(3):
            await arbiter.renew("c", witness.session())
            sizes.append((witness.folder / "ledger").stat().st_size)
        return sizes

    first, *others = witness.do(renewed)
    assert others == [first, first]


# -- a ledger that is new


def test_a_ledger_in_the_place_of_a_lost_one_waits_for_leases_to_lapse(
    tmp_path: Path, arbiter_at: Callable[[Path], _Witness]
) -> None:
    ledger.create(tmp_path / "state", first=False)
    witness = arbiter_at(tmp_path / "state")

    async def take(arbiter: Arbiter) -> api.Record:
        await arbiter.renew("c", witness.session())
        return await arbiter.claim("c", "g", witness.holder(7))

    with pytest.raises(Refused, match=r"memory is new.* in 60 s"):
        witness.do(take)
    with pytest.raises(Refused, match="memory is new"):  # a restart does not make it older
        witness.do(take)

    async def patient(arbiter: Arbiter) -> api.Record:
        await arbiter.renew("c", witness.session())
        witness.now += LEASE
        return await take(arbiter)

    assert witness.do(patient).holder == witness.holder(7)


def test_a_ledger_that_served_long_enough_is_new_no_more(
    tmp_path: Path, arbiter_at: Callable[[Path], _Witness]
) -> None:
    ledger.create(tmp_path / "state", first=False)
    witness = arbiter_at(tmp_path / "state")

    async def old(arbiter: Arbiter) -> None:
        witness.now += SETTLED_AFTER
        await arbiter.renew("c", witness.session())

    witness.do(old)
    assert witness.claim(1)


def test_a_holder_of_what_has_no_record_is_told_so(witness: _Witness) -> None:
    held = api.Session(server="node1", boot=api.Boot(1, "boot1"), lease=LEASE, held={"g": 7})
    with pytest.raises(Refused, match="no record of g, which node1 holds"):
        witness.do(lambda arbiter: arbiter.renew("c", held))
