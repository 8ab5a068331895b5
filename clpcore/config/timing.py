"""How a configuration's times fit together, each rule with its numbers (ownership.md 6): pure."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from typing import Any, Final

import attrs

from clpcore.config.wording import duration
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group
from clpcore.model.protection import Arbiter, Policy
from clpcore.model.reasons import Severity
from clpcore.model.states import Platform

Key = tuple[str, ...]  # the path of a key

FREEZE: Final = 30_000  # ms that Azure may pause a machine (reference/ha.md 6.2)
_BEATS: Final = 3  # that may be lost
_WINDOW: Final = 900_000  # ms that Azure leaves before it reboots a machine
DELAYS: Final = (Policy.COHORT, Policy.FENCE)  # with a lease nobody waits
_INTERVAL: Final = ("cluster", "heartbeat_interval")
_TIMEOUT: Final = ("cluster", "heartbeat_timeout")
_BUDGET: Final = ("cluster", "stop_budget")


@attrs.frozen(kw_only=True)
class Rule:
    """One rule between times.

    Attributes:
        name: where it comes from.
        formula: in the letters of ``letters``.
        numbers: the same, computed, in seconds.
        holds: whether it does.
        why: what it is for.
        severity: of not holding; INFO: only told.
        broken: what follows then.
        remedy: the next step then.
        keys: what it compares; the first one is where it is told.

    """

    name: str
    formula: str
    numbers: str
    holds: bool
    why: str
    severity: Severity = Severity.INFO
    broken: str = ""
    remedy: str = ""
    keys: tuple[Key, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it in plain JSON types."""
        return {
            "name": self.name,
            "formula": self.formula,
            "numbers": self.numbers,
            "holds": self.holds,
            "severity": self.severity.value,
            "why": self.why,
        }


def rules(config: ClusterConfig) -> tuple[Rule, ...]:
    """Give every rule that applies, whether it holds or not."""
    found = [*_heartbeats(config), *_announced(config), *_partition(config), *_fencing(config)]
    arbiter = config.arbiter
    if arbiter is not None and arbiter.lease:
        found += _lease(config, arbiter)
    return (*found, *_ends(config), *_starts(config))


def letters(config: ClusterConfig) -> tuple[str, ...]:
    """Say what the letters of the formulas are, with their values."""
    found = {"h": ("heartbeat_interval", config.heartbeat_interval)}
    found["H"] = ("heartbeat_timeout", config.heartbeat_timeout)
    if config.freeze_timeout > config.heartbeat_timeout:
        found["Z"] = ("freeze_timeout", config.freeze_timeout)
    if config.platform is Platform.AZURE:
        found["A"] = ("pause of a machine on Azure", FREEZE)
    if config.fencings:
        found["X"] = ("timeout of a forced stop", one_try(config))
    if config.fencings and config.policy in DELAYS:
        found["D"] = ("fence_delay", config.fence_delay)
    if (arbiter := config.arbiter) and arbiter.lease:
        found["S"] = ("stop_budget and a quarter", _stop(config))
        found["L"] = ("lease", arbiter.lease)
        found["P"] = ("promise, as long as the lease", arbiter.lease)
        found["R"] = ("renewal", arbiter.renewal)
        found["r"] = ("timeout of the arbiter", arbiter.timeout)
        found["W"] = ("watchdog", arbiter.watchdog)
        found["K"] = ("reset", arbiter.reset)
        found["F"] = ("freeze", arbiter.freeze)
    said = [f"{letter} = {seconds(ms)}: {what}" for letter, (what, ms) in found.items()]
    return (*said, "rho = 0.1 %: how far clocks drift") if "L" in found else tuple(said)


def seconds(ms: int) -> str:
    """Give seconds as a bare number."""
    return f"{ms / 1_000:.12g}"


def _stop(config: ClusterConfig) -> int:
    """Give how long a stop takes with what has to be killed (``Arbiter.margin``)."""
    return config.stop_budget + config.stop_budget // 4


def one_try(config: ClusterConfig) -> int:
    """Give how long one try of a forced stop may take, in ms."""
    return max((each.timeout for each in config.fencings), default=0)


def all_tries(config: ClusterConfig) -> int:
    """Give how long all tries of all forced stops may take, in ms, with the pauses between them."""
    return sum(
        each.tries * each.timeout + (each.tries - 1) * each.retry_interval
        for each in config.fencings
    )


def _sum(*terms: int) -> str:
    said = " + ".join(map(seconds, terms))
    return said if len(terms) == 1 else f"{said} = {seconds(sum(terms))}"


# -- silence


def _heartbeats(config: ClusterConfig) -> Iterator[Rule]:
    interval, timeout = config.heartbeat_interval, config.heartbeat_timeout
    least = _BEATS * interval
    product = f"{_BEATS} x {duration(interval)} = {duration(least)}"
    yield Rule(
        name="ha 6.2-1",
        formula="3h <= H",
        numbers=f"{seconds(least)} <= {seconds(timeout)} s",
        holds=least <= timeout,
        why="two heartbeats may be lost",
        severity=Severity.ERROR,
        broken=f"heartbeat_timeout is {duration(timeout)}, less than 3 heartbeats: {product}.",
        remedy=f"Give heartbeat_timeout {duration(least)} or more, or beat faster.",
        keys=(_TIMEOUT, _INTERVAL),
    )
    if config.platform is Platform.AZURE and timeout <= FREEZE < config.freeze_timeout:
        yield Rule(
            name="ha 6.2-4",
            formula="A < Z",
            numbers=f"{seconds(FREEZE)} < {seconds(config.freeze_timeout)} s",
            holds=True,
            why="a pause is no silence IF IT IS ANNOUNCED: clp-azureevents runs on every server",
            keys=(("cluster", "freeze_timeout"), _TIMEOUT, ("cluster", "platform")),
        )
    elif config.platform is Platform.AZURE:
        yield Rule(
            name="ha 6.2-4",
            formula="A < H",
            numbers=f"{seconds(FREEZE)} < {seconds(timeout)} s",
            holds=timeout > FREEZE,
            why="a machine that Azure pauses does not count as silent",
            severity=Severity.WARNING,
            broken=f"Azure may pause a machine for up to {duration(FREEZE)} during maintenance; "
            f"with a heartbeat_timeout of {duration(timeout)} a paused server counts as silent.",
            remedy=f"Give it well over {duration(FREEZE)}, or read docs/howto/azure-events.md.",
            keys=(_TIMEOUT, ("cluster", "platform")),
        )


def _announced(config: ClusterConfig) -> Iterator[Rule]:
    """Tell which announced freezes are short, where something announces them."""
    leased = config.arbiter is not None and config.arbiter.lease
    lease = ", L(1 - 2rho) - max(S, W) - K - F - R - r, W / 2" if leased else ""
    if config.platform is Platform.AZURE:
        yield Rule(
            name="R8",
            formula=f"min(3/4 max(H, Z){lease})" if lease else "3/4 max(H, Z)",
            numbers=f"{seconds(config.endured_freeze)} s",
            holds=True,
            why="an announced freeze up to that is sat out, before a longer one groups move away",
            keys=(_TIMEOUT,),
        )


def _partition(config: ClusterConfig) -> Iterator[Rule]:
    if not config.nps or config.arbiter is not None:
        return  # with an arbiter no takeover waits for NP resolution
    slowest = max(config.nps, key=lambda np: np.time)
    asking, timeout = 2 * config.heartbeat_interval, config.heartbeat_timeout
    yield Rule(
        name="NP",
        formula=f"2h + tries (at least 2) x timeout of {slowest.name} <= H",
        numbers=f"{_sum(asking, slowest.time)} <= {seconds(timeout)} s",
        holds=asking + slowest.time <= timeout,
        why="who is cut off is known when the other one counts as silent",
        severity=Severity.WARNING,
        broken=f"{slowest.name} needs {duration(asking + slowest.time)} to tell silence, longer "
        f"than heartbeat_timeout ({duration(timeout)}): takeovers wait for it.",
        remedy="Give it fewer tries or a shorter timeout.",
        keys=(("np", slowest.name, "timeout"), ("np", slowest.name), _TIMEOUT, _INTERVAL),
    )


# -- forced stop


def _fencing(config: ClusterConfig) -> Iterator[Rule]:
    if not config.fencings:
        return
    one, first = one_try(config), config.fencings[0]
    later = config.longest_silence - config.heartbeat_timeout
    if config.policy in DELAYS:
        needed = duration(one + later)
        waits = f", {duration(later)} of it for a freeze that was announced" if later else ""
        yield Rule(
            name="ha 6.2-5",
            formula="X + Z - H <= D" if later else "X <= D",
            numbers=f"{_sum(one, *filter(None, [later]))} <= {seconds(config.fence_delay)} s",
            holds=one + later <= config.fence_delay,
            why="two servers do not stop each other",
            severity=Severity.WARNING,
            broken=f"A forced stop may take {needed}{waits}, longer than fence_delay "
            f"({duration(config.fence_delay)}): cut off from each other, two servers can both be "
            "stopped.",
            remedy=f"Give fence_delay {needed}, or the forced stop a shorter timeout.",
            keys=(("cluster", "fence_delay"), ("fencing", first.name)),
        )
    waiting = [group for group in config.groups if group.start_after]
    if waiting:
        yield _until_started(config, min(waiting, key=lambda group: group.start_wait))


def _until_started(config: ClusterConfig, group: Group) -> Rule:
    every = all_tries(config)
    return Rule(
        name="ha 6.2-5",
        formula=f"all tries of all forced stops < start_wait of {group.name}",
        numbers=f"{seconds(every)} < {seconds(group.start_wait)} s",
        holds=every < group.start_wait,
        why="a group that waits for another one waits for its takeover, too",
        severity=Severity.WARNING,
        broken=f"{group.name} waits {duration(group.start_wait)} for other groups, and their "
        f"takeover may need {duration(every)} of forced stops.",
        remedy=f"Give start_wait more than {duration(every)}.",
        keys=(("group", group.name, "start_wait"),),
    )


# -- the lease


def _lease(config: ClusterConfig, arbiter: Arbiter) -> Iterator[Rule]:
    here = ("arbiter", arbiter.name)
    lease, stop = (*here, "lease"), max(_stop(config), arbiter.watchdog)
    renewed = arbiter.renewal + arbiter.timeout
    yield Rule(
        name="T1",
        formula="R + r < L(1 - 2rho)",
        numbers=f"{_sum(arbiter.renewal, arbiter.timeout)} < {seconds(arbiter.counted)} s",
        holds=renewed < arbiter.counted,
        why="a lease counts from the sending of its renewal, by a clock that may drift",
        severity=Severity.ERROR,
        broken="The lease ends before its renewal is answered.",
        remedy="Give lease more, or renewal and timeout less.",
        keys=(lease, here),
    )
    terms = (arbiter.renewal, 2 * arbiter.timeout, stop, arbiter.reset, arbiter.freeze)
    computed = f"{_sum(*terms)} < {seconds(arbiter.counted)} s"
    yield Rule(
        name="T2",
        formula="R + 2r + max(S, W) + K + F < L(1 - 2rho)",
        numbers=computed,
        holds=sum(terms) < arbiter.counted,
        why="a renewal may fail, and the stop or the reset ends before the lease",
        severity=Severity.ERROR,
        broken="The lease is too short for one failed renewal, a stop or a reset by the watchdog, "
        f"and a freeze: {computed.replace(' < ', ' is not less than ')}.",
        remedy="Give lease more, or freeze, watchdog and stop_budget less.",
        keys=(lease, here, _BUDGET),
    )
    yield Rule(
        name="T2",
        formula="W <= L / 2",
        numbers=f"{seconds(arbiter.watchdog)} <= {seconds(arbiter.lease // 2)} s",
        holds=2 * arbiter.watchdog <= arbiter.lease,
        why="the watchdog is fed for at least half of the lease",
        severity=Severity.WARNING,
        broken=f"The watchdog ({duration(arbiter.watchdog)}) takes more than half of the lease "
        f"({duration(arbiter.lease)}).",
        remedy="Give watchdog less, or lease more.",
        keys=((*here, "watchdog"), here),
    )
    if config.platform is Platform.AZURE:
        yield Rule(
            name="T3",
            formula="A <= F",
            numbers=f"{seconds(FREEZE)} <= {seconds(arbiter.freeze)} s",
            holds=arbiter.freeze >= FREEZE,
            why="a machine that Azure pauses wakes up before its lease ends",
            severity=Severity.WARNING,
            broken=f"Azure may pause a machine for up to {duration(FREEZE)}; with a freeze of "
            f"{duration(arbiter.freeze)} it may wake up serving what another server has taken.",
            remedy=f"Give freeze {duration(FREEZE)}, its default.",
            keys=((*here, "freeze"), here, ("cluster", "platform")),
        )
    if config.heartbeat_timeout < arbiter.lease:
        yield Rule(
            name="H < L",
            formula="max(H, L) before a takeover",
            numbers=f"{seconds(arbiter.lease)} s",
            holds=True,
            why="however soon the former holder counts as silent, its lease must have lapsed",
            keys=(lease, _TIMEOUT),
        )
    yield Rule(
        name="T5",
        formula="max(P, L) <= wait of a new boot before its first claim",
        numbers=f"{seconds(arbiter.lease)} <= {seconds(arbiter.lease)} s",
        holds=True,  # both are the lease, wherever it is counted
        why="a promise outlives a reboot of the server that gave it",
        keys=(lease,),
    )


# -- stops, starts


def _ends(config: ClusterConfig) -> Iterator[Rule]:
    timeout = seconds(config.heartbeat_timeout)
    yield Rule(
        name="ha 6.2-6",
        formula="shutdown monitoring <= H",
        numbers=f"{timeout} <= {timeout} s",
        holds=True,  # it is H
        why="a shutdown that hangs has H before the watchdog or a forced stop ends it",
        keys=(_TIMEOUT,),
    )
    chains = {group.name: _chain(group) for group in config.groups}
    if not chains:
        return
    name = max(chains, key=lambda name: chains[name])
    key = ("group", name)
    if config.arbiter is not None and config.arbiter.lease:
        yield Rule(
            name="T2",
            formula=f"deactivation of {name} <= stop_budget",
            numbers=f"{seconds(chains[name])} <= {seconds(config.stop_budget)} s",
            holds=chains[name] <= config.stop_budget,
            why="what has not stopped by then is killed when the lease is lost",
            keys=(key, _BUDGET),
        )
    if config.platform is Platform.AZURE:
        yield Rule(
            name="ha 6.2-7",
            formula=f"deactivation of {name} < what Azure leaves before a reboot",
            numbers=f"{seconds(chains[name])} < {seconds(_WINDOW)} s",
            holds=chains[name] < _WINDOW,
            why="by the deadlines of its resources; most stops are far shorter",
            keys=(key,),
        )


def _chain(group: Group) -> int:
    """Give how long the group's longest chain of deactivations may take, in ms."""
    needs = {each.name: each.depends_on for each in group.resources}
    took: dict[str, int] = {}
    try:
        order = tuple(graphlib.TopologicalSorter(needs).static_order())
    except graphlib.CycleError:
        return 0  # refused elsewhere
    for name in order:
        before = max((took.get(other, 0) for other in needs.get(name, ())), default=0)
        took[name] = before + group.by_name[name].deactivate_timeout
    return max(took.values(), default=0)


def _starts(config: ClusterConfig) -> Iterator[Rule]:
    wait = seconds(config.startup_wait)
    yield Rule(
        name="ha 6.2-6",
        formula="boot of the operating system <= startup_wait",
        numbers=f"systemd-analyze tells <= {wait} s",
        holds=True,  # nobody knows it here
        why="servers that are switched on together wait for each other; a boot may be shorter than "
        "H: a new life is known by its boot id",
        keys=(("cluster", "startup_wait"),),
    )
