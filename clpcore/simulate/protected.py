"""Random schedules for what keeps a group from running twice: NP, forced stop, arbiter and lease.

As ``schedule``, but short, with fewer things that happen, so that very many can be played. What
each kind of schedule promises is what ``docs/explanation/safety.md`` says of its policy.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from clpcore.simulate.schedule import Announcer

Lines = tuple[str, ...]
Fault = Callable[[], str]

# `np`: can run twice, and must heal. `cohort`: no arbiter, forced stop. `fence`: arbiter without a
# lease, forced stop. `lease`: arbiter alone; no machine is frozen for longer than `freeze`. `both`:
# arbiter and forced stop, and freezes longer than every timeout; `error`: the same with words of
# operators or of the power interface that are not true, and no longer freezes than `freeze`.
# `late`: `fence`, `lease` or `both`; what was asked of the arbiter comes when its asker has ended.
KINDS: Final = ("np", "cohort", "fence", "lease", "both", "error", "late")
_ARBITER: Final = {"fence": (0,), "lease": (6_000, 10_000), "both": (6_000, 10_000)}
_FENCES: Final = ("cohort", "fence", "both", "error")
_SETTINGS: Final = (
    "set heartbeat_interval 250",
    "set heartbeat_timeout 1000",
    "set startup_wait 2000",
    "set reboot_limit 1000",
)
_PER_GROUP: Final = (
    "set exec{n}.activate_timeout 1000",
    "set exec{n}.deactivate_timeout 800",
    "set lbpp{n}.activate_timeout 1000",
    "set lbpp{n}.deactivate_timeout 800",
    "set pidw{n}.interval {pidw}",
    "set lbppw{n}.interval 60000",
)
_WAITS: Final = (3, 40, 150, 400, 900, 2_500, 2_500, 6_000)
_LEASE_IS_PROOF: Final = "set on_fence_failure lease"
_OFTEN, _HALF, _SELDOM = 0.8, 0.5, 0.25


def schedule(seed: int, kind: str, *, length: int = 8) -> Lines:
    """Give the script of *seed* and *kind*: a configuration, faults, calm, and recovery."""
    dice = random.Random(f"{kind} {seed}")  # noqa: S311 - dice, no secret
    servers, groups = dice.choice((2, 2, 2, 2, 3)), dice.choice((1, 1, 1, 2))
    names = [f"node{n}" for n in range(1, servers + 1)]
    lines = [f"cluster {servers} {groups}", f"seed {seed}", *_SETTINGS]
    for n in range(1, groups + 1):
        pidw = 400 if dice.random() < _SELDOM else 60_000
        lines += [line.format(n=n, pidw=pidw) for line in _PER_GROUP]
    late = kind == "late"
    kind = dice.choice(tuple(_ARBITER)) if late else kind
    lines += _protection(dice, kind)
    lines += [f"lossy {name}" for name in names if dice.random() < _SELDOM]
    lines += [f"boot {name}" for name in names if dice.random() < _OFTEN] or ["boot node1"]
    lines.append(f"run {dice.choice((0, 10, 300, 1_000))} ms")
    deal = _Dealer(dice, kind, names, groups)
    deal.short = deal.short or _LEASE_IS_PROOF in lines
    host = Announcer.of(f"freezes {kind} {seed}", names)
    lines += host.configuration()
    for _ in range(dice.choice((1, 2, 3, 4, length))):
        happens = deal.late() if late and dice.random() < _HALF else (deal.fault(),)
        lines += [*host.word(), *happens, f"run {dice.choice(_WAITS)} ms"]
    return (*lines, "calm", "recovers")


def _protection(dice: random.Random, kind: str) -> list[str]:
    """Give the configuration of *kind*, and what else can differ in it."""
    lines = []
    if kind == "np" or dice.random() < _SELDOM:
        lines.append("np np1")
        lines.append(f"set np_action {dice.choice(('none', 'stop_service', 'shutdown', 'reset'))}")
    if kind in _FENCES:
        lines += ["fencing power1", f"set fence_delay {dice.choice((500, 3_000))}"]
    leases = _ARBITER.get("both" if kind == "error" else kind)
    if leases is not None:
        lines.append(f"arbiter witness1 {dice.choice(leases)}")
    if kind in ("both", "error") and dice.random() < _SELDOM:
        lines.append(_LEASE_IS_PROOF)
    return lines


class _Dealer:
    """Deals what happens; which things can happen follows from the kind."""

    def __init__(self, dice: random.Random, kind: str, names: Sequence[str], groups: int) -> None:
        self.dice = dice
        self.kind = kind
        self.names = names
        self.groups = groups
        self.lost = False
        self.short = kind in ("lease", "error")  # no freeze is longer than a lease counts on (T3)
        deals: list[Fault] = [self._machine, self._machine, self._network, self._network]
        deals += [self._agent, self._operator, self._resource, self._freeze]
        deals += [self._np] if kind == "np" else []
        deals += [self._power, self._power] if kind in _FENCES else []
        deals += [self._arbiter, self._arbiter] if kind not in ("np", "cohort") else []
        self.deals = deals

    def fault(self) -> str:
        """Give one thing that happens."""
        return self.dice.choice(self.deals)()

    def late(self) -> Lines:
        """Give a question that arrives at the arbiter when its asker has ended, and that end."""
        asker, server = self._server(), self._server()
        group = f"failover{self.dice.randint(1, self.groups)}"
        ends = ("restart-agent", "restart-agent", "kill-agent", "kill", "reboot")
        asked = self.dice.choice(("start", "stop", "move", "failover"))
        return (
            f"tell witness1 {asker} arbitrate late {self.dice.randint(1, 3)}",
            f"{server}$ clp group {asked} {group}",
            f"run {self.dice.choice((1, 3, 8, 40, 150, 900))} ms",
            f"{self.dice.choice(ends)} {asker}",
        )

    def _server(self) -> str:
        return self.dice.choice(self.names)

    def _machine(self) -> str:
        server = self._server()
        return self.dice.choice(
            (
                f"kill {server}",
                f"kill {server}",
                f"kill {server} {self.dice.randint(0, 6)}",
                f"boot {server}",
                f"boot {server}",
                f"reboot {server}",
                f"leave {server}",
            )
        )

    def _agent(self) -> str:
        server = self._server()
        return self.dice.choice(
            (
                f"restart-agent {server}",
                f"restart-agent {server}",
                f"kill-agent {server}",
                f"kill-agent {server} {self.dice.randint(0, 6)}",
                f"start-agent {server}",
                f"wall {server} {self.dice.choice((-7_200, -5, 5, 7_200))} s",
                self._lost_journal(server),
            )
        )

    def _lost_journal(self, server: str) -> str:
        """Let one journal be lost, once: two copies of a record are what the promise rests on."""
        lost, self.lost = self.lost, True
        return f"restart-agent {server}" if lost else f"lose-journal {server}"

    def _freeze(self) -> str:
        """Freeze a machine, or hang its agent alone: that is what a watchdog is for."""
        server = self._server()
        freezes = (100, 600, 900) if self.short else (100, 900, 3_000, 30_000)
        hangs = (300, 2_000, 5_000, 20_000)
        return self.dice.choice(
            (
                f"pause {server} {self.dice.choice(freezes)} ms",
                f"hang {server} {self.dice.choice(hangs)} ms",
            )
        )

    def _network(self) -> str:
        one, other = self.dice.sample(self.names, 2)
        chance = self.dice.choice((0.05, 0.3))
        return self.dice.choice(
            (
                f"cut {one} {other}",
                f"cut {one} {other}",
                f"cut {one} {other} oneway",
                "heal",
                f"network loss {chance} jitter {self.dice.choice((0, 30))}",
                f"network repeat {chance} late {chance} late_ms 2500",
            )
        )

    def _path(self, to: str) -> str:
        """Cut the path to something around, both ways, or so that no answer comes back."""
        server = self._server()
        return self.dice.choice((f"cut {server} {to}", f"cut {to} {server} oneway"))

    def _np(self) -> str:
        server = self._server()
        return self.dice.choice(
            (self._path("np1"), f"tell np1 {server} ask silent 4", f"tell np1 {server} ask fails 2")
        )

    def _power(self) -> str:
        server, other = self.dice.sample(self.names, 2)
        chances = [
            self._path("power1"),
            f"tell power1 {server} fence fails 1 no such machine",
            f"tell power1 {server} fence fails 4 no such machine",
            f"tell power1 {server} fence stalls 1",
            f"tell power1 {server} fence late 1",
            f"takes fence {self.dice.choice((10, 300, 1_900))} ms",
            f"vouch {server} {other}",
        ]
        if self.kind == "error":
            lies = (f"vouch {server} {other} blindly", f"tell power1 {server} fence lies 2")
            return self.dice.choice((*chances, *lies, *lies))
        return self.dice.choice(chances)

    def _arbiter(self) -> str:
        server = self._server()
        return self.dice.choice(
            (
                self._path("witness1"),
                self._path("witness1"),
                "restart-arbiter",
                f"takes arbitrate {self.dice.choice((5, 100, 490, 700))} ms",
                f"tell witness1 {server} arbitrate late {self.dice.randint(1, 3)}",
                f"tell witness1 {server} arbitrate stalls {self.dice.randint(1, 8)}",
                f"tell witness1 {server} arbitrate fails 2 internal error",
            )
        )

    def _resource(self) -> str:
        n, server = self.dice.randint(1, self.groups), self._server()
        name = self.dice.choice((f"exec{n}", f"lbpp{n}"))
        return self.dice.choice(
            (
                f"tell {name} {server} activate fails 1 it is broken",
                f"tell {name} {server} activate stalls 1",
                f"tell {name} {server} deactivate fails 1 it does not stop",
                f"tell {name} {server} deactivate stalls 1",
                f"tell {name} {server} probe raises 2 no idea",
                f"takes deactivate {self.dice.choice((10, 50, 700))} ms",
                f"unkillable {name} {server}",
                f"end {name} {server}",
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
                f"server stop {other}",
                f"server start {other}",
                "cluster stop",
                "cluster start",
            )
        )
        return f"{server}$ clp {command}"
