"""One session of torture: a guarded cluster, its nemesis, its client, and the verdict.

What is checked: never two actives by the ports that are listened on (every 10 ms), never one epoch
claimed by two, no bug in an agent; every word that the client was told of is in the ledger, in
order, and nobody wrote who had been replaced; and when all is mended, the service comes back. The
ledger lies on a folder that both servers see, as on a shared disk: what a mirror would have to do
for it is not checked here.
"""

import contextlib
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from clp_lab.conf import cluster_key, plan_of, witness_key
from clp_lab.errors import LabError
from clp_lab.guarded import LEASE_S, Protection, conf_of
from clp_lab.plan import BalancerPlan
from clp_lab.spots import Findings
from clp_lab.timeline import Happened
from clp_lab.torture import history
from clp_lab.torture.customer import Asked
from clp_lab.torture.history import Entry, Service
from clp_lab.torture.nemesis import WALL, Nemesis
from clp_lab.trial import Trial, on_trial

_FRONTEND = ("203.0.113.10", "80")
_PROBE_MS = 100
_RECOVERS_S = 60.0
_NS_PER_S = 1e9
_SPARED = {Protection.LEASE: ("freeze",)}  # it may be longer than what the lease allows for (T3)
_LINES = 400  # of the timeline that a violation is shown with


@attrs.frozen
class Result:
    """What came out; `text` says all of it."""

    violations: tuple[str, ...]
    service: Service
    counts: dict[str, int]
    text: str


def torture(protection: Protection, seconds: float, seed: int, keep: Path | None = None) -> Result:
    """Torture a new cluster for so long; it is gone when this returns.

    When something is wrong, its files are copied to *keep*: journals, recordings, logs.
    """
    with _cluster(protection) as trial, _asking(trial) as answers:
        trial.home()
        nemesis = Nemesis(trial, seed, _SPARED.get(protection, ()))
        recoveries, found = _rounds(trial, nemesis, answers, time.monotonic() + seconds)
        end = time.monotonic_ns()
        asked = [Asked.of(line) for line in answers.lines()]
        found += history.violations(asked, _ledger(trial))
        found += [f"{kind}: {one}" for kind, faults in trial.faults().items() for one in faults]
        service = Service.of(asked, end)
        text = _text(trial, nemesis, service, recoveries, found)
        if found and keep is not None:
            _copy(trial.lab.server(trial.names[0]).root.parent, keep)
            text += f"\nfiles       {keep}"
    return Result(tuple(found), service, nemesis.counts, text)


def _copy(folder: Path, to: Path) -> None:
    """Copy the files, and nothing that is none: sockets, pipes."""

    def others(where: str, names: list[str]) -> list[str]:
        kept = (stat.S_ISREG, stat.S_ISDIR, stat.S_ISLNK)
        modes = {name: os.lstat(Path(where, name)).st_mode for name in names}
        return [name for name, mode in modes.items() if not any(is_it(mode) for is_it in kept)]

    shutil.copytree(folder, to, symlinks=True, ignore=others)


def _rounds(
    trial: Trial, nemesis: Nemesis, answers: Findings, end: float
) -> tuple[list[float], list[str]]:
    """Break and mend until *end*, or until something is wrong.

    Returns:
        How many seconds the service needed after each round, and what was wrong.

    """
    recoveries: list[float] = []
    while time.monotonic() < end and not trial.faults():
        nemesis.round()
        nemesis.mend_all()
        mended = time.monotonic()
        try:
            _recover(trial, nemesis, answers)
        except LabError as error:
            return recoveries, [f"it does not come back: {error}"]
        recoveries.append(time.monotonic() - mended)
    return recoveries, []


def _recover(trial: Trial, nemesis: Nemesis, answers: Findings) -> None:
    """Wait until the cluster is at rest and serves its client.

    Raises:
        LabError: it never comes to be so.

    """

    def is_home() -> bool:
        nemesis.switch_on()  # also who is stopped by what comes late
        return bool(trial.home_now())

    trial.until(is_home, complaint="the cluster does not come to rest")
    rested = time.monotonic_ns()
    trial.until(
        lambda: any(
            one.server and one.begin > rested for one in map(Asked.of, answers.lines()[-50:])
        ),
        complaint="the client is not served",
    )


@contextlib.contextmanager
def _cluster(protection: Protection) -> Iterator[Trial]:
    with cluster_key() as key, witness_key() as witness, conf_of(protection) as conf:
        plan = plan_of(conf, key, BalancerPlan(interval=_PROBE_MS), witness=witness)
        agent = (sys.executable, "-P", "-m", "clp_lab.wall", f"/{WALL}", "agent")
        with on_trial(attrs.evolve(plan, agent=agent), patience=_RECOVERS_S) as trial:
            yield trial


@contextlib.contextmanager
def _asking(trial: Trial) -> Iterator[Findings]:
    """Let the client ask for the length of the block."""
    argv = (sys.executable, "-P", "-m", "clp_lab.torture.customer", *_FRONTEND)
    with (
        contextlib.closing(Findings()) as answers,
        Path(os.devnull).open("r+b") as null,
        trial.lab.client.start(argv, stdio=(null.fileno(), answers.fd, null.fileno())),
    ):
        yield answers


def _ledger(trial: Trial) -> list[Entry]:
    file = trial.lab.server(trial.names[0]).shared / "ledger"
    lines = file.read_text(encoding="ascii").splitlines() if file.exists() else []
    return [Entry.of(line) for line in lines]


def _text(
    trial: Trial, nemesis: Nemesis, service: Service, recoveries: list[float], found: list[str]
) -> str:
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(nemesis.counts.items()))
    epochs = {each.args["epoch"] for name in trial.names for each in _claims(trial, name)}
    lines = [
        f"rounds      {len(recoveries)}, {max(recoveries, default=0):.1f} s the slowest recovery",
        f"faults      {sum(nemesis.counts.values())}: {counts}",
        f"appends     {service.asked} asked, {service.confirmed} confirmed",
        f"owners      {len(epochs)} claims, each epoch by one server",
        f"outage      {service.longest_outage:.1f} s the longest (a lease: {LEASE_S:g} s)",
        f"verdict     {'clean' if not found else f'{len(found)} violations'}, seed {nemesis.seed}",
    ]
    if found:
        lines += [*found, "", *_timeline(trial, nemesis)]
    return "\n".join(lines)


def _claims(trial: Trial, name: str) -> list[Happened]:
    return [each for each in trial.journal(name) if each.key in {"rc529", "rc609"}]


def _timeline(trial: Trial, nemesis: Nemesis) -> Iterator[str]:
    """Give the last that happened: what the nemesis did among what the servers told."""
    told = [
        (each.at, f"{each.server:7} {each.key:6} {each.text}")
        for name in trial.names
        for each in trial.journal(name)
    ]
    told += [(at, f"NEMESIS {what}") for at, what in nemesis.done]
    began = min(at for at, _ in told) if told else 0
    for at, line in sorted(told)[-_LINES:]:
        yield f"{(at - began) / _NS_PER_S:9.3f} s  {line}"
