"""Random schedules: from a seed to a scenario script; from a failing script to the shortest one.

A schedule is a scenario like those that people write, so that a failure that was found can be read,
and kept, as one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import attrs

from clpcore.model.hooks import HookPoint

Lines = tuple[str, ...]

# What the cluster promises, by kind of schedule. `proven`: whatever happens, never two. `crash`: a
# takeover needs no proof, but only machines fail, so that silence is true: never two either.
# `open`: a takeover needs no proof and anything happens: it can run twice, and must heal.
MOSTLY, SELDOM = 0.9, 0.3
_VERBS = ("probe", "activate", "deactivate")
KINDS = ("proven", "crash", "open")

_SETTINGS = (
    "set heartbeat_interval 100",
    "set heartbeat_timeout 500",
    "set startup_wait 2000",
    "set reboot_limit 1000",
)
_PER_GROUP = (
    "set exec{n}.activate_timeout 1000",
    "set exec{n}.deactivate_timeout 800",
    "set lbpp{n}.activate_timeout 1000",
    "set lbpp{n}.deactivate_timeout 800",
    "set pidw{n}.interval 400",
    "set pidw{n}.timeout 300",
    "set lbppw{n}.interval 700",
    "set lbppw{n}.timeout 300",
)


def schedule(seed: int, *, length: int = 25) -> Lines:
    """Give the script of *seed*: a configuration, faults at random, calm, and recovery."""
    dice = random.Random(seed)  # noqa: S311 - dice, no secret
    kind, servers, groups = KINDS[seed % 3], dice.choice((2, 2, 3, 4)), dice.choice((1, 1, 2, 3))
    names = [f"node{n}" for n in range(1, servers + 1)]
    deal = _Dealer(dice, kind, names, groups)
    lines = [f"cluster {servers} {groups}", *_SETTINGS, f"seed {seed}"]
    lines += [line.format(n=n) for n in range(1, groups + 1) for line in _PER_GROUP]
    lines += deal.configuration()
    lines += _between_groups(seed, groups)
    lines += ["exclusive"] if kind != "open" else []
    lines += [f"boot {name}" for name in names if dice.random() < MOSTLY]
    lines += _scripts(seed, groups)
    work = _Worker(random.Random(f"work {seed}"), names, groups)  # noqa: S311 - dice, no secret
    host = Announcer.of(f"freezes {seed}", names)
    lines += host.configuration()
    for _ in range(dice.randint(5, length)):
        lines += [f"run {dice.choice((3, 40, 150, 400, 900, 2500))} ms", deal.fault()]
        lines += [*work.request(), *host.word()]
    return (*lines, "run 400 ms", "calm", "recovers")


def _between_groups(seed: int, groups: int) -> list[str]:
    """Deal what groups have to do with each other; from dice of its own, so that seeds stay."""
    dice = random.Random(f"groups {seed}")  # noqa: S311 - dice, no secret
    lines = []
    if groups > 1 and dice.random() < SELDOM:
        lines.append(f"rule apart {dice.choice(('normal', 'absolute'))} failover1,failover2")
    if groups > 1 and dice.random() < SELDOM:
        lines += ["set failover2.start_after failover1", "set failover2.start_wait 1500"]
    if groups > 1 and dice.random() < SELDOM:
        lines += ["set failover1.stop_after failover2", "set failover1.stop_wait 1500"]
    if dice.random() < SELDOM:
        lines.append("set failover1.failover_policy dynamic")
        lines.append(f"watcher ipw1 {dice.choice(('all groups', 'failover1', 'local server'))}")
        lines += ["set ipw1.interval 400", "set ipw1.timeout 300"]
    return lines


def _scripts(seed: int, groups: int) -> list[str]:
    """Deal hook scripts, and how they end."""
    dice = random.Random(f"scripts {seed}")  # noqa: S311 - dice, no secret
    lines = ["set hook_timeout 500"]
    for n in range(1, groups + 1):
        if dice.random() < SELDOM:
            points = ",".join(point.value for point in HookPoint if point.of_resource)
            lines.append(f"set exec{n}.hooks {points}")
            lines.append(f"tell exec{n} node1 hook {dice.choice(('fails', 'stalls'))} 2")
        if dice.random() < SELDOM:
            points = ",".join(point.value for point in HookPoint if point.of_monitor)
            lines.append(f"set pidw{n}.hooks {points}")
    return lines


@attrs.frozen
class Announcer:
    """Who announces freezes, true or not; in some clusters, with dice of its own."""

    dice: random.Random
    names: Sequence[str]
    works: bool

    @classmethod
    def of(cls, seed: str, names: Sequence[str]) -> Announcer:
        """Give the one of *seed*."""
        dice = random.Random(seed)  # noqa: S311 - dice, no secret
        return cls(dice, names, dice.random() < SELDOM)

    def configuration(self) -> list[str]:
        """Give how long a silence is then tolerated; it may be less than that of every server."""
        return [f"set freeze_timeout {self.dice.choice((300, 2500, 5000))}"] if self.works else []

    def word(self) -> list[str]:
        """Give what it announces now, mostly nothing."""
        if not self.works or self.dice.random() < MOSTLY - SELDOM:
            return []
        server, seconds = self.dice.choice(self.names), self.dice.choice((0, 0.4, 3, 8))
        return [f"{server}$ clp server expect-freeze {server} --for {seconds}"]


@attrs.frozen
class _Worker:
    """An operator who works on servers and resources; his dice are his own, so that seeds stay."""

    dice: random.Random
    names: Sequence[str]
    groups: int

    def request(self) -> list[str]:
        """Give what he asks for now, mostly nothing."""
        if self.dice.random() < MOSTLY - SELDOM:
            return []
        n, other = self.dice.randint(1, self.groups), self.dice.choice(self.names)
        resource = self.dice.choice((f"exec{n}", f"lbpp{n}"))
        force = self.dice.choice(("", " --force"))
        command = self.dice.choice(
            (
                "cluster suspend",
                "cluster resume",
                "cluster resume",
                f"server drain {other}",
                f"server undrain {other}",
                f"group restart failover{n}",
                f"resource stop {resource} --group failover{n}{force}",
                f"resource start {resource} --group failover{n}{force}",
                f"resource restart {resource} --group failover{n}",
            )
        )
        return [f"{self.dice.choice(self.names)}$ clp {command}"]


class _Dealer:
    """Deals faults and requests."""

    def __init__(self, dice: random.Random, kind: str, names: Sequence[str], groups: int) -> None:
        self.dice = dice
        self.kind = kind
        self.names = names
        self.groups = groups
        self.lost = False

    def configuration(self) -> list[str]:
        lines = [] if self.kind == "proven" else ["set unproven_takeover true"]
        for n in range(1, self.groups + 1):
            if self.dice.random() < SELDOM:
                lines.append(f"set failover{n}.failback auto")
            if self.dice.random() < SELDOM:
                lines.append(f"set failover{n}.startup_servers {','.join(self._shuffled())}")
            if self.dice.random() < SELDOM:
                lines.append(f"set exec{n}.activation_retry {self.dice.randint(0, 2)}")
            if self.dice.random() < SELDOM:
                lines.append(f"set lbpp{n}.activation_final_action {self._final_action()}")
            if self.dice.random() < SELDOM:
                lines.append(f"set lbpp{n}.deactivation_final_action {self._final_action()}")
            if self.dice.random() < SELDOM:
                lines.append(f"set pidw{n}.final_action {self._final_action()}")
        return lines

    def _final_action(self) -> str:
        how = ("continue", "none", "stop_group", "stop_service", "shutdown", "reboot", "panic")
        return self.dice.choice(how)

    def _shuffled(self) -> list[str]:
        names = list(self.names)
        self.dice.shuffle(names)
        return names

    def fault(self) -> str:
        """Give one thing that happens."""
        deals = [self._machine, self._machine, self._operator, self._operator, self._driver]
        if self.kind != "crash":
            deals += [self._network, self._network, self._agent]
        return self.dice.choice(deals)()

    def _server(self) -> str:
        return self.dice.choice(self.names)

    def _machine(self) -> str:
        server = self._server()
        return self.dice.choice(
            (
                f"kill {server}",
                f"kill {server} {self.dice.randint(0, 4)}",
                f"boot {server}",
                f"boot {server}",
                f"reboot {server}",
                f"restart-agent {server}",
                f"leave {server}",
                f"start-agent {server}",
            )
        )

    def _agent(self) -> str:
        server = self._server()
        return self.dice.choice(
            (
                f"kill-agent {server}",
                f"start-agent {server}",
                f"start-agent {server}",
                self._lost_journal(server),
                f"pause {server} {self.dice.choice((100, 600, 3000))} ms",
            )
        )

    def _lost_journal(self, server: str) -> str:
        """Let one journal be lost, once: two copies of a record are what the promise rests on."""
        lost, self.lost = self.lost, True
        return f"restart-agent {server}" if lost else f"lose-journal {server}"

    def _network(self) -> str:
        one, other = self.dice.sample(self.names, 2)
        chance = self.dice.choice((0, 0.05, 0.3))
        return self.dice.choice(
            (
                f"cut {one} {other}",
                f"cut {one} {other} oneway",
                "heal",
                "heal",
                f"network loss {chance} jitter {self.dice.choice((0, 30))}",
                f"network repeat {chance} late {chance} late_ms 2500",
            )
        )

    def _operator(self) -> str:
        server, other = self._server(), self._server()
        group = f"failover{self.dice.randint(1, self.groups)}"
        command = self.dice.choice(
            (
                f"group move {group}",
                f"group move {group} --to {other}",
                f"group failover {group}",
                f"group stop {group}",
                f"group start {group}",
                f"group start {group} --to {other}",
                f"server stop {other}",
                f"server start {other}",
                "cluster stop",
                "cluster start",
                "cluster start",
            )
        )
        return f"{server}$ clp {command}"

    def _driver(self) -> str:
        n, server = self.dice.randint(1, self.groups), self._server()
        name = self.dice.choice((f"exec{n}", f"lbpp{n}"))
        return self.dice.choice(
            (
                f"tell {name} {server} activate fails 1 it is broken",
                f"tell {name} {server} activate stalls 1",
                f"tell {name} {server} deactivate fails 1 it does not stop",
                f"tell {name} {server} deactivate stalls 1",
                f"tell {name} {server} probe raises 2 no idea",
                f"tell {name} {server} {self.dice.choice(_VERBS)} vanishes 1",
                f"end {name} {server}",
                f"end {name} {server}",
                f"tell pidw{n} {server} observe errors 5 it is ill",
                f"tell lbppw{n} {server} observe stalls 2",
                f"takes activate {self.dice.choice((10, 100, 600))} ms",
                f"takes deactivate {self.dice.choice((10, 50, 400))} ms",
            )
        )


def shortest(script: Lines, fails: Callable[[Lines], bool]) -> Lines:
    """Give *script* with as little as possible of what happens in it, so that it still fails."""
    first = next(place for place, line in enumerate(script) if line.startswith("boot"))
    last = len(script) - script[::-1].index("calm") - 1
    head, happens, tail = script[:first], script[first:last], script[last:]
    size = len(happens) // 2
    while size:
        at = 0
        while at < len(happens):
            fewer = happens[:at] + happens[at + size :]
            if fails((*head, *fewer, *tail)):
                happens = fewer
            else:
                at += size
        size //= 2
    return (*head, *happens, *tail)
