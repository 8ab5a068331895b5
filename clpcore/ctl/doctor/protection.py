"""Checks of what keeps a group from running twice: watchdog, NP, forced stop, arbiter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from clpcore.ctl.doctor.case import Case, Silent
from clpcore.ctl.doctor.findings import Blind, Finding, error, ok, unknown, warning
from clpcore.ctl.words import said
from clpcore.model.protection import Arbiter

_DEVICE: Final = Path("/dev/watchdog")
_FACTS: Final = Path("/sys/class/watchdog/watchdog0")
_NOBODYS: Final = frozenset({"0", "infinity", ""})  # RuntimeWatchdogSec of systemd itself


def watchdog(case: Case) -> Iterator[Finding]:
    """Look whether this machine is reset when it hangs, as the lease at the arbiter needs."""
    arbiter = case.config.arbiter
    if arbiter is None or not arbiter.lease:
        return
    yield from _lab_device(case) if case.where.lab else _device(case, arbiter)
    yield _armed(case, arbiter)


def _lab_device(case: Case) -> Iterator[Finding]:
    path = case.where.root.watchdog
    try:
        case.machine.stat(path)
    except FileNotFoundError:
        what = said("{path} is missing", path=path)
        yield error(what, "", said("start the server with `clp lab`"))


def _device(case: Case, arbiter: Arbiter) -> Iterator[Finding]:
    load = said("modprobe softdog, and name it in /etc/modules-load.d/softdog.conf")
    try:
        case.machine.stat(_DEVICE)
    except FileNotFoundError:
        what = said("this machine has no watchdog: when it hangs, nothing ends what it runs")
        yield error(what, str(_DEVICE), load)
        return
    wanted = arbiter.watchdog // 1_000
    most = _fact(case, "max_timeout")
    if most.isdecimal() and 0 < int(most) < wanted:
        what = said("the watchdog counts no more than {most} s", most=most)
        less = said("give [arbiter] watchdog less, or use softdog")
        yield error(what, f"[arbiter] watchdog = {wanted}", less)
    else:
        yield ok(said("watchdog"), f"{_DEVICE} {_fact(case, 'identity')}".strip())
    yield from _rival(case)


def _fact(case: Case, name: str) -> str:
    """Give what the kernel tells of the watchdog, if it does."""
    try:
        return case.machine.read(_FACTS / name).strip()
    except (FileNotFoundError, Blind):
        return ""


def _rival(case: Case) -> Iterator[Finding]:
    """Look whether systemd feeds the watchdog itself: then nobody else can."""
    try:
        ran = case.machine.run("systemctl", "show", "--property=RuntimeWatchdogUSec", "--value")
    except Blind as why:
        yield unknown(said("whether systemd uses the watchdog"), str(why), why.remedy)
        return
    if ran.code == 0 and ran.out.strip() not in _NOBODYS:
        off = said("set it to 0 in /etc/systemd/system.conf, then: systemctl daemon-reexec")
        what = said("systemd uses the watchdog itself")
        yield error(what, f"RuntimeWatchdogSec={ran.out.strip()}", off)


def _armed(case: Case, arbiter: Arbiter) -> Finding:
    what, wanted = said("the agent has armed it"), f"{arbiter.watchdog / 1_000:g} s)"
    if isinstance(case.agent, Silent):
        return unknown(what, case.agent.why, case.agent.remedy)
    state = str(case.agent.get("watchdog", ""))
    if not state.startswith("armed"):
        make = error if case.config.needs_watchdog else warning
        return make(said("the watchdog is not armed"), state, said("`clp why` tells why"))
    if not state.endswith(wanted):
        restart = said("restart the agent: systemctl restart clpcore")
        return warning(said("the watchdog counts otherwise than configured"), state, restart)
    return ok(what, state)


# -- forced stop, NP resolution, arbiter


def guards(case: Case) -> Iterator[Finding]:
    """Tell what the agent found out about forced stop, NP resolution and the arbiter."""
    config = case.config
    stops = {each.name: said("forced stop {name}", name=each.name) for each in config.fencings}
    asks = {each.name: said("NP resolution {name}", name=each.name) for each in config.nps}
    arbiter = config.arbiter
    if not stops and not asks and arbiter is None:
        return
    seen = case.seen()
    yield from _ways(stops, seen.get("fencing", ()))
    yield from _ways(asks, seen.get("np", ()))
    if arbiter is not None:
        yield _arbiter(arbiter.name, seen.get("arbiter") or {})


def _ways(names: dict[str, str], rows: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Tell of each configured way what is known; *names* is what to call it."""
    known = {row["name"]: row for row in rows}
    for name, what in names.items():
        looks = known.get(name, {}).get("servers", {})
        if not looks:
            yield _not_yet(what)
        for server, look in looks.items():
            yield _look(f"{what}: {server}", name, look)


def _look(what: str, name: str, look: dict[str, str]) -> Finding:
    state, detail = look["state"], look.get("detail", "")
    if state in {"Normal", "Unused"}:
        return ok(what, state)
    if state == "Error":
        if not detail:
            return error(what, state, said("`clp why {name}` tells what to mend", name=name))
        remedy = said("correct what it names: in an emergency it would fail as well")
        return error(what, f"{state}: {detail}", remedy)
    return _not_yet(what)


def _arbiter(name: str, known: dict[str, Any]) -> Finding:
    what = said("arbiter {name}", name=name)
    if not known:
        return _not_yet(what)
    return _look(what, name, {"state": known["state"], "detail": known.get("detail", "")})


def _not_yet(what: str) -> Finding:
    return unknown(what, said("the agent has not looked yet"), said("look again in a minute"))
