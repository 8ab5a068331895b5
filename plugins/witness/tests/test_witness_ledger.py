"""The ledger: whole or refused; a full disk forgets nothing; nobody is answered before the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from clpcore import api
from clpcore_witness.service import ledger
from clpcore_witness.service.arbiter import Arbiter
from clpcore_witness.service.file import Unusable
from clpcore_witness.service.ledger import Ledger, Refused

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


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that syncs only when the event is set."""
    goes_on, sync = threading.Event(), os.fdatasync

    def slow(fd: int) -> None:
        assert goes_on.wait(5)
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    yield goes_on
    goes_on.set()


# -- before the disk, no answer


def test_nobody_is_answered_before_it_is_on_disk(witness: _Witness, disk: threading.Event) -> None:
    async def race(arbiter: Arbiter) -> list[bool]:
        asked = [
            asyncio.ensure_future(arbiter.claim("c", "g", witness.holder(1))),
            asyncio.ensure_future(arbiter.read("c", "g")),  # it would tell of the claim
            asyncio.ensure_future(arbiter.renew("c", witness.session())),
        ]
        await asyncio.wait(asked, timeout=0.1)
        early = [task.done() for task in asked]
        disk.set()
        await asyncio.gather(*asked)
        return early

    assert witness.do(race) == [False, False, False]
    assert witness.epoch() == 1


def test_who_goes_away_while_it_is_written_changes_nothing(
    witness: _Witness, disk: threading.Event
) -> None:
    async def gone(arbiter: Arbiter) -> api.Record:
        claims = [
            asyncio.ensure_future(arbiter.claim("c", group, witness.holder(1)))
            for group in ("g", "h")
        ]
        await asyncio.wait(claims, timeout=0.1)
        claims[0].cancel()
        await asyncio.wait(claims[:1])
        reading = asyncio.ensure_future(arbiter.read("c", "g"))
        await asyncio.wait([reading], timeout=0.1)
        assert not reading.done()
        disk.set()
        await claims[1]
        return await reading

    assert witness.do(gone).holder == witness.holder(1)


def test_transactions_of_one_moment_share_one_sync(
    witness: _Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    async def many(arbiter: Arbiter) -> None:
        await asyncio.gather(*(arbiter.claim("c", f"g{n}", witness.holder(1)) for n in range(100)))

    witness.do(many)
    assert len(synced) <= 2


# -- a disk that is full, or fails


def test_a_full_disk_refuses_forgets_nothing_and_recovers(
    witness: _Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite

    def full(fd: int, data: bytes, at: int) -> int:
        write(fd, data[:20], at)  # some of it gets there
        raise OSError(errno.ENOSPC, "No space left on device")

    async def story(arbiter: Arbiter) -> None:
        await arbiter.claim("c", "g", witness.holder(1))
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            asked = [
                arbiter.claim("c", "g", witness.holder(2, "node2")),
                arbiter.renew("c", witness.session()),
            ]
            refused = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(one) for one in refused] == [Refused, Refused]
            assert (await arbiter.read("c", "g")).holder == witness.holder(1)
        assert (await arbiter.claim("c", "g", witness.holder(2, "node2"))).holder == witness.holder(
            2, "node2"
        )

    witness.do(story)
    assert witness.epoch() == 2


def test_after_an_error_of_the_disk_nothing_is_taken_until_a_restart(
    witness: _Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def story(arbiter: Arbiter) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", broken)
            with pytest.raises(Refused, match="disk fails"):
                await arbiter.claim("c", "g", witness.holder(1))
        with pytest.raises(Refused, match="until clp-witness is restarted"):
            await arbiter.claim("c", "h", witness.holder(1))

    witness.do(story)
    assert witness.claim(witness.epoch() + 1)  # whatever was written: the ledger says it


# -- a ledger that is not whole


def _spoil(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / "ledger"
    path.write_bytes(change(path.read_bytes()))


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda _: b"",
    "garbage": lambda _: b"garbage",
    "a byte is missing": lambda data: data[:-1],
    "a line is missing": lambda data: data[: data.rindex(b"\n", 0, -1) + 1],
    "half is missing": lambda data: data[: len(data) // 2],
    "a bit of the first hash": lambda data: _flip(data, 3),
    "a bit in the middle": lambda data: _flip(data, len(data) // 2),
    "a bit of the last line": lambda data: _flip(data, len(data) - 3),
    "zeros": lambda data: bytes(len(data)),
    "noise": lambda data: os.urandom(len(data)),
}


@pytest.mark.parametrize("change", _DAMAGES.values(), ids=_DAMAGES)
def test_what_is_damaged_is_not_served_from(
    witness: _Witness, change: Callable[[bytes], bytes]
) -> None:
    witness.claim(1)
    _spoil(witness.folder, change)
    with pytest.raises(Unusable, match=r"is damaged at byte .* Bring the folder back whole"):
        witness.epoch()


def test_a_tail_that_was_never_answered_is_cut_off(witness: _Witness) -> None:
    witness.claim(1)
    for torn in (b"0123", b"\0" * 100, b"0" * 32 + b' ["record"]\n'):
        _spoil(witness.folder, lambda data, torn=torn: data + torn)  # type: ignore[misc]
        assert witness.epoch() == 1


@pytest.mark.parametrize("what", ["mark", "ledger", "folder"])
def test_what_is_not_there_is_no_empty_ledger(witness: _Witness, what: str) -> None:
    witness.claim(1)
    for file in witness.folder.iterdir():
        if what == "folder" or file.name.startswith(what):
            file.unlink()
    if what == "folder":
        witness.folder.rmdir()
    with pytest.raises(Unusable, match=r"clp-witness new"):
        witness.epoch()


def test_a_ledger_that_is_there_is_never_made_anew(witness: _Witness) -> None:
    with pytest.raises(Unusable, match="exists: it is not replaced"):
        ledger.create(witness.folder, first=True)


def test_two_processes_do_not_serve_from_one_folder(witness: _Witness) -> None:
    async def second(_: Arbiter) -> None:
        with pytest.raises(Unusable, match="another clp-witness"):
            Ledger(witness.folder)

    witness.do(second)


def test_history_is_written_away(witness: _Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_LARGE", 2_000)

    async def long_life(arbiter: Arbiter) -> int:
        for epoch in range(1, 60):
            await arbiter.claim("c", "g", witness.holder(epoch))
            await arbiter.release("c", "g", witness.holder(epoch))
        return (witness.folder / "ledger").stat().st_size

    assert witness.do(long_life) < 4_000
    assert witness.epoch() == 59
    assert len(list(witness.folder.glob("mark.*"))) == 1


def test_a_crash_while_it_is_written_anew_leaves_the_old_one(
    witness: _Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.claim(1)

    def crash(*_: Any) -> None:  # noqa: ANN401 - of os.fsync and Path.replace
        raise KeyboardInterrupt

    for module, name in ((os, "fsync"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, crash)
            with pytest.raises(KeyboardInterrupt):
                asyncio.run(_begin(witness.folder))
    assert witness.epoch() == 1


async def _begin(folder: Path) -> None:
    its = Ledger(folder)
    try:
        Arbiter(its, lambda: 0)
    finally:
        its.close()
