"""What a takeover rests on, by the configuration as a whole: contradictions, gaps, risks taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from clpcore.config import timing
from clpcore.config.reading import Reading
from clpcore.config.wording import listed
from clpcore.model.config import ClusterConfig
from clpcore.model.protection import MAJORITY, OnFenceFailure, Policy
from clpcore.model.reasons import Severity

_UNPROVEN: Final = ("cluster", "unproven_takeover")
_FAILURE: Final = ("cluster", "on_fence_failure")
_TWICE: Final = "A GROUP CAN RUN ON TWO SERVERS AT ONCE, AND WHAT IT WRITES CAN BE DESTROYED"
_PAIR: Final = 2


def check(reading: Reading, config: ClusterConfig) -> None:
    """Add what is wrong or risky about never running a group twice."""
    _check_times(reading, config)
    _refuse_contradictions(reading, config)
    _tell_risks(reading, config)
    _tell_gaps(reading, config)
    _tell_of_majority(reading, config)


def policy(config: ClusterConfig) -> str:
    """Give the word for what a takeover rests on."""
    if config.unproven_takeover:
        return "unproven"
    if config.np_only:
        return "np only"
    alone = config.policy is Policy.COHORT and not config.fencings
    return "operator" if alone else config.policy.value


def _check_times(reading: Reading, config: ClusterConfig) -> None:
    for rule in timing.rules(config):
        if rule.holds or rule.severity is Severity.INFO or reading.is_wrong(*rule.keys):
            continue
        if rule.severity is Severity.ERROR:
            reading.error(rule.keys[0], rule.broken, rule.remedy)
        else:
            reading.warn(rule.keys[0], rule.broken, rule.remedy)


def _refuse_contradictions(reading: Reading, config: ClusterConfig) -> None:
    arbiter = config.arbiter
    means = [f"[fencing.{each.name}]" for each in config.fencings[:1]]
    means += [f"[arbiter.{arbiter.name}]"] if arbiter else []
    if config.unproven_takeover and means:
        what = f"It takes over without proof, and {listed(means)} would give one."
        reading.error(_UNPROVEN, what, "Take unproven_takeover out.")
    if arbiter and arbiter.lease == 0 and not config.fencings:
        what = "Without a lease a forced stop alone is proof, and there is no [fencing.NAME]."
        remedy = "Add one, or leave lease out: then its lapse is the proof."
        reading.error(("arbiter", arbiter.name, "lease"), what, remedy)
    if config.on_fence_failure is OnFenceFailure.BLOCK:
        return
    if not config.fencings:
        what = "There is no forced stop that could fail."
        reading.error(_FAILURE, what, "Take it out, or add a [fencing.NAME].")
    elif config.on_fence_failure is OnFenceFailure.LEASE and not (arbiter and arbiter.lease):
        what = "There is no lease that could lapse."
        reading.error(_FAILURE, what, "Add an [arbiter.NAME] with a lease, or use another value.")


# -- what it does not keep from happening


def _tell_risks(reading: Reading, config: ClusterConfig) -> None:
    several = len(config.servers) >= _PAIR and bool(config.groups)
    if not several and not config.unproven_takeover:
        return
    if config.needs_watchdog and config.arbiter and config.arbiter.lease:
        _tell_of_watchdog(reading, config.arbiter.name)
    if not config.exclusive:
        for path, why, remedy in _not_exclusive(config):
            reading.warn(path, f"EXCLUSIVE: NOT GUARANTEED. {_TWICE}: {why}", remedy)
    elif config.policy is Policy.COHORT and not config.fencings:
        what = (
            "When a server falls silent, its groups wait until it is back or an operator says "
            "that it is stopped: nothing in this configuration can prove it."
        )
        remedy = (
            "Add a [fencing.NAME] or an [arbiter.NAME]: docs/howto/never-twice.md. "
            "unproven_takeover = true takes over without proof, at the price of a group that may "
            "run twice."
        )
        reading.warn(_UNPROVEN, what, remedy)


def _not_exclusive(config: ClusterConfig) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Give where each risk is taken, what can happen, and what to do about it."""
    better = "Add a [fencing.NAME] or an [arbiter.NAME]: docs/howto/never-twice.md."
    if config.unproven_takeover:
        why = "when only the network fails, each side takes the silent other for stopped."
        yield _UNPROVEN, why, f"Keep it only where two active servers do no harm. {better}"
    if config.np_only:
        names = listed(np.name for np in config.nps)
        why = f"{names} may answer both sides of a cut (NP only)."
        yield ("np", config.nps[0].name), why, better
    if config.fencings and config.on_fence_failure is OnFenceFailure.FAILOVER:
        why = "when a forced stop fails, its groups are taken over all the same."
        remedy = 'Leave it out: the default "block" waits for a proof.'
        yield _FAILURE, why, f'{remedy} With a lease, "lease" takes its lapse as one.'


def _tell_of_watchdog(reading: Reading, arbiter: str) -> None:
    what = (
        "A lapsed lease is proof only if a watchdog resets a server that cannot stop: on every "
        "server, of the machine. systemd's WatchdogSec ends only the agent."
    )
    remedy = "See that each has /dev/watchdog, or add a [fencing.NAME]: then both must fail."
    reading.note(("arbiter", arbiter), what, remedy, at_key=True)


# -- servers that are left out


def _tell_gaps(reading: Reading, config: ClusterConfig) -> None:
    if len(config.servers) < _PAIR:
        return
    names = config.server_names
    left = [name for name in names if not any(way.stops(name) for way in config.fencings)]
    if config.fencings and left and not reading.is_wrong(("fencing",)):
        path = ("fencing", config.fencings[0].name, "servers")
        what = f"No forced stop can stop {listed(left)}: what runs there is never taken over by it."
        remedy = "Leave servers out to stop all, or add a [fencing.NAME] for the others."
        reading.warn(path, what, remedy)
    deaf = [name for name in names if not any(np.asks_on(name) for np in config.nps)]
    if config.nps and deaf and not reading.is_wrong(("np",)):
        path = ("np", config.nps[0].name, "servers")
        what = f"Nobody asks for {listed(deaf)} who is cut off: it never takes over on an answer."
        reading.warn(path, what, "Leave servers out to ask on all, or add an [np.NAME].")


def _tell_of_majority(reading: Reading, config: ClusterConfig) -> None:
    if len(config.servers) != _PAIR:
        return
    for np in (each for each in config.nps if each.type == MAJORITY):
        what = "Of two servers neither is a majority alone: both stop when they lose each other."
        if np.settings.get("best_priority_wins_half"):
            best, other = config.server_names
            what = f"Of two servers {best} always wins: {other} never takes over from it."
        remedy = "Ask somebody outside: httpnp or pingnp."
        reading.warn(("np", np.name, "type"), what, remedy)
