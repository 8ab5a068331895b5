"""Checks of the time of day: nothing is decided by it, but logs and certificates rest on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from clpcore.ctl.doctor.case import Case, Told
from clpcore.ctl.doctor.findings import Blind, Finding, ok, unknown, warning
from clpcore.ctl.words import said

_APART: Final = 1_000  # ms that journals of two servers may be apart and still be read together


def clock(case: Case) -> Iterator[Finding]:
    """Look at this server's clock, and compare it with those of the others."""
    yield _service(case)
    yield from _journal(case)
    for server, answer in sorted(case.elsewhere().items()):
        what = said("the clock of {server}", server=server)
        if isinstance(answer, Told):
            yield _offset(what, answer)
        else:
            yield unknown(what, answer.why, answer.remedy)


def _service(case: Case) -> Finding:
    what = said("a time service keeps the clock")
    remedy = said("systemctl enable --now chronyd (or systemd-timesyncd)")
    try:
        kept = case.machine.is_synchronised()
    except Blind as why:
        return unknown(what, str(why), why.remedy)
    if kept:
        return ok(what, said("synchronised"))
    return warning(said("no time service keeps the clock"), said("not synchronised"), remedy)


def _offset(what: str, told: Told) -> Finding:
    value = f"{told.offset / 1_000:+.3f} s (+-{told.fuzz / 1_000:.3f})"
    if abs(told.offset) > _APART + told.fuzz:
        return warning(what, value, said("let one time service keep all servers"))
    return ok(what, value)


def _journal(case: Case) -> Iterator[Finding]:
    """Look whether the clock is behind what was journaled: it has jumped back."""
    from clpcore.runtime.store import journal

    store, what = case.where.root.store, said("the clock and the journal")
    try:
        case.machine.stat(store)
        newest = journal.newest(store)
        written = journal.told_at(store, newest)
    except FileNotFoundError:
        return
    except Blind as why:
        yield unknown(what, str(why), why.remedy)
        return
    except sqlite3.Error as why:
        yield unknown(what, f"{store}: {why}", said("look again as root"))
        return
    ahead = (written or 0) - case.machine.wall()
    if ahead > _APART:
        yield warning(
            said("the clock is behind the journal"),
            f"{ahead / 1_000:.1f} s",
            said("correct the clock; what is journaled until then reads as if it came before"),
        )
    elif written:
        yield ok(what, said("its last entry is {seconds} s old", seconds=f"{-ahead / 1_000:.1f}"))
