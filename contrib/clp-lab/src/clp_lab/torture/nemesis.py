"""The nemesis: rounds of random faults, several at once, all of them from one seed.

A round breaks one to four things, each for a while; then everything is mended and what died is
switched on. The same seed gives the same rounds; what they meet there is as it comes.
"""

import functools
import random
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import attrs

from clp_lab import wall
from clp_lab.errors import LabError
from clp_lab.outlets import Mood
from clp_lab.plan import CLIENT, POWER, WITNESS
from clp_lab.trial import Trial

WALL = "var/wall"
_SHORTEST_S, _LONGEST_S = 0.3, 12.0  # a lease, and what follows from it, fits in
_SPREAD_S = 3.0  # within which the faults of a round begin
_MOST = 4
_LATEST_MS = 4_000
_LONGEST_JUMP_S = 200_000
_STEP_S = 0.02
_OFF, _MENDED = "off", "mended: "
_PATIENCE_S = 5.0
_LIMIT = """
import resource, sys
pid, size = map(int, sys.argv[1:])
resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
"""


@attrs.frozen
class Fault:
    """Something to do, and how it is mended."""

    name: str
    break_it: Callable[[], object]
    mend: Callable[[], object]


@attrs.define
class Nemesis:
    """Breaks a cluster, and writes down what it did; *spares*: kinds that it never does."""

    trial: Trial
    seed: int
    spares: Collection[str] = ()
    done: list[tuple[int, str]] = attrs.field(init=False, factory=list)
    counts: dict[str, int] = attrs.field(init=False, factory=dict)
    _dice: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def round(self) -> None:
        """Break some things, and mend them; who is off by then stays so.

        What could not be mended, as its server was frozen just then, is mended at the end.
        """
        todo: list[tuple[float, str, Callable[[], object]]] = []
        for kind in self._chosen():
            fault = _KINDS[kind](self.trial, self._dice)
            begin = self._dice.uniform(0, _SPREAD_S)
            lasts = self._dice.uniform(_SHORTEST_S, _LONGEST_S)
            todo.append((begin, f"{fault.name}, for {lasts:.1f} s", fault.break_it))
            todo.append((begin + lasts, f"{_MENDED}{fault.name}", fault.mend))
            self.counts[kind] = self.counts.get(kind, 0) + 1
        began = time.monotonic()
        owed = []
        for at, what, do in sorted(todo, key=lambda each: each[0]):
            time.sleep(max(0.0, began + at - time.monotonic()))
            if not self._try(what, do) and what.startswith(_MENDED):
                owed.append((what, do))
        for what, do in owed:
            self._try(what, do)

    def mend_all(self) -> None:
        """Make every way and every machine good again, but for servers that are off."""
        lab = self.trial.lab
        lab.heal()
        lab.set_power(Mood.GOOD.value)
        for one in lab.status().outside:
            if one.power != "up":
                self._try(f"{_MENDED}{one.name}", functools.partial(_mended, self.trial, one.name))

    def switch_on(self) -> None:
        """Start servers that are off: shut down, stopped by force, at any time."""
        for server in self.trial.lab.status().servers:
            if server.power == _OFF:
                start = functools.partial(self.trial.lab.start, server.name)
                self._try(f"switched on: {server.name}", start)

    def _chosen(self) -> Sequence[str]:
        """Choose the faults of a round.

        Every other one has a partition; mostly it has one fault at most that no server survives.
        """
        known = [kind for kind in _KINDS if kind not in self.spares]
        kinds = self._dice.sample(known, self._dice.randint(1, _MOST))
        if self._dice.random() < 0.5:  # noqa: PLR2004 - every other one
            kinds = [*(kind for kind in kinds if kind not in _CUTS), self._dice.choice(_CUTS)]
        hard = [kind for kind in kinds if kind in _HARD]
        if self._dice.random() < 0.8:  # noqa: PLR2004 - mostly
            kinds = [kind for kind in kinds if kind not in hard[1:]]
        return kinds

    def _try(self, what: str, do: Callable[[], object]) -> bool:
        """Do it, if it can be done now; a server that is off cannot be frozen."""
        at, why = time.monotonic_ns(), ""
        try:
            do()
        except LabError as error:
            why = f": not possible ({error})"
        self.done.append((at, what + why))
        return not why


def _mended(trial: Trial, machine: str) -> None:
    paused = {one.name for one in trial.lab.status().outside if one.power == "paused"}
    (trial.lab.resume if machine in paused else trial.lab.start)(machine)


def _server(trial: Trial, dice: random.Random) -> str:
    return dice.choice(trial.names)


def _nothing() -> None:
    """Mend what mends itself."""


def _kill(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)
    return Fault(f"power cut of {name}", lambda: trial.lab.kill(name), _nothing)


def _freeze(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)
    lab = trial.lab
    return Fault(f"freeze of {name}", lambda: lab.pause(name), lambda: lab.resume(name))


def _agent_kill(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)
    return Fault(f"crash of the agent of {name}", lambda: trial.lab.agent_kill(name), _nothing)


def _agent_freeze(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)

    def signal(word: str) -> Callable[[], object]:
        def send() -> None:
            pid = trial.lab.status().server(name).agent_pid
            if pid is not None:
                trial.run(name, f"kill -{word} {pid}")

        return send

    return Fault(f"freeze of the agent of {name}", signal("STOP"), signal("CONT"))


def _leave(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)
    return Fault(f"shutdown of {name}", lambda: trial.lab.stop(name), _nothing)


def _partition(trial: Trial, dice: random.Random, *, one_way: bool = False) -> Fault:
    """Cut some of the ways between two servers and what lies outside of them."""
    me, peer = dice.sample(trial.names, 2)
    shapes = (
        ((me, peer),),
        ((me, "all"),),
        ((me, peer), (me, WITNESS)),
        ((me, peer), (me, WITNESS), (me, POWER)),
        ((me, peer), (peer, POWER)),
        ((me, WITNESS),),
        ((me, WITNESS), (peer, WITNESS)),
        ((CLIENT, "all"),),
        ((me, CLIENT), (me, peer)),
        tuple(dice.sample([(a, b) for a in trial.names for b in (WITNESS, POWER, CLIENT)], 3)),
    )
    return _on_ways("cut", trial, {"cut": True}, dice.choice(shapes), one_way=one_way)


def _loss(trial: Trial, dice: random.Random) -> Fault:
    faults = {"loss": dice.uniform(0.02, 0.4), "duplicate": 0.1, "reorder": 0.1}
    return _on_ways("loss", trial, faults, [trial.names[:2]], one_way=False)


def _slow(trial: Trial, dice: random.Random) -> Fault:
    far = dice.choice((WITNESS, POWER, trial.names[0]))
    faults = {"delay_ns": dice.randint(50, 1_500) * 1_000_000, "jitter_ns": 50_000_000}
    return _on_ways("delay", trial, faults, [(far, trial.names[1])], one_way=False)


def _on_ways(
    what: str,
    trial: Trial,
    faults: Mapping[str, float],
    ways: Sequence[tuple[str, ...]],
    *,
    one_way: bool,
) -> Fault:
    lab = trial.lab

    def shape(values: Mapping[str, float]) -> None:
        for a, b in ways:
            lab.shape(a, b, values, one_way=one_way)

    told = ", ".join(f"{a}{'->' if one_way else '-'}{b}" for a, b in ways)
    good = dict.fromkeys(faults, 0)
    return Fault(f"{what} {told}", lambda: shape(faults), lambda: shape(good))


def _outside(machine: str) -> Callable[[Trial, random.Random], Fault]:
    def make(trial: Trial, dice: random.Random) -> Fault:
        lab = trial.lab
        if dice.random() < 0.5:  # noqa: PLR2004
            name = f"freeze of {machine}"
            return Fault(name, lambda: lab.pause(machine), lambda: lab.resume(machine))
        return Fault(
            f"power cut of {machine}", lambda: lab.kill(machine), lambda: lab.start(machine)
        )

    return make


def _power_mood(trial: Trial, dice: random.Random) -> Fault:
    mood, delay = dice.choice((Mood.LATE, Mood.REFUSES)).value, dice.randint(100, _LATEST_MS)
    return Fault(
        f"power service: {mood}",
        lambda: trial.lab.set_power(mood, delay_ms=delay),
        lambda: trial.lab.set_power(Mood.GOOD.value),
    )


def _clock(trial: Trial, dice: random.Random) -> Fault:
    name = _server(trial, dice)
    file = trial.lab.server(name).root / WALL
    jump = dice.randint(-_LONGEST_JUMP_S, _LONGEST_JUMP_S)
    told = f"wall clock {jump} s wrong on {name}"
    return Fault(told, lambda: _set(file, jump), lambda: _set(file, 0))


def _set(file: Path, seconds: int) -> None:
    try:
        wall.set_wrong(file, seconds * 1_000_000_000)
    except OSError as error:
        raise LabError(str(error)) from error


def _full_disk(trial: Trial, dice: random.Random) -> Fault:
    """Let every write of the agent to a file fail, as on a full disk."""
    name = _server(trial, dice)

    def limit(size: int) -> Callable[[], object]:
        def change() -> None:
            pid = trial.lab.status().server(name).agent_pid
            if pid is not None:
                words = (sys.executable, "-IS", "-c", _LIMIT, str(pid), str(size))
                trial.lab.server(name).run(words, timeout=_PATIENCE_S)

        return change

    return Fault(f"full disk of {name}", limit(0), limit(-1))


def _move(trial: Trial, dice: random.Random) -> Fault:
    to = _server(trial, dice)
    words = ("group", "move", "failover1", "--to", to, "--wait", "0.1")
    return Fault(f"move to {to}", lambda: trial.clp(to, *words, timeout=_PATIENCE_S), _nothing)


_KINDS: dict[str, Callable[[Trial, random.Random], Fault]] = {
    "kill": _kill,
    "freeze": _freeze,
    "agent kill": _agent_kill,
    "agent freeze": _agent_freeze,
    "shutdown": _leave,
    "partition": _partition,
    "one-way cut": functools.partial(_partition, one_way=True),
    "loss": _loss,
    "slow": _slow,
    "witness": _outside(WITNESS),
    "power": _outside(POWER),
    "power mood": _power_mood,
    "clock": _clock,
    "full disk": _full_disk,
    "move": _move,
}
_CUTS = ("partition", "one-way cut")
_HARD = ("kill", "freeze", "agent freeze", "shutdown")
