"""``python -m clpcore.simulate.explore SECONDS``: random schedules for that long, on every core.

A history is one schedule, played to its end with every invariant checked after every step, and to
its recovery. The first one that breaks a promise is shrunk and printed as a scenario, and the exit
status is 1.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import gc
import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Final

import attrs

from clpcore.simulate import protected, schedule
from clpcore.simulate.rights import Violated
from clpcore.simulate.scenario import Scenario, play

Lines = tuple[str, ...]

OLDER: Final = "groups"  # the kinds of ``schedule``: groups, operators and monitors
KINDS: Final = (*protected.KINDS, OLDER)
_ROUND: Final = dict.fromkeys(protected.KINDS, 50) | {OLDER: 10}  # the older ones are longer
_SHOW_S: Final = 60.0  # between two lines of progress
_SETS_UP: Final = ("cluster", "set", "seed", "lossy", "np", "fencing", "arbiter", "exclusive")


@attrs.frozen
class Round:
    """What some histories of one kind came to."""

    kind: str
    first: int
    histories: int
    faults: collections.Counter[str]
    broken: str = ""


def script(kind: str, seed: int) -> Lines:
    """Give the schedule of *seed*; every one of the kinds of ``schedule`` has its seeds there."""
    return schedule.schedule(seed, length=8) if kind == OLDER else protected.schedule(seed, kind)


def broken(lines: Lines) -> str:
    """Play *lines*; tell what broke, "" if nothing did.

    A core that raises breaks a promise, too.
    """
    scenario = Scenario(quiet=True)
    try:
        for line in lines:
            scenario.do(line)
    except Violated as violated:
        return f"{violated.rule or 'broken'}: {violated}"
    except Exception as error:  # noqa: BLE001 - whatever it is: it is the finding
        return f"{type(error).__name__}: {error}"
    return ""


def faults(lines: Lines) -> collections.Counter[str]:
    """Count what happens in a schedule, by its first words."""
    happens = (line.split() for line in lines)
    return collections.Counter(
        _named(words)
        for words in happens
        if words[0] not in (*_SETS_UP, "run", "calm", "recovers", "rule", "watcher", "boot")
    )


def _named(words: list[str]) -> str:
    match words:
        case ["tell", _, _, verb, how, *_]:
            return f"{verb} {how}"
        case ["cut", *_, "oneway"]:
            return "cut oneway"
        case [asked, "clp", about, verb, *_] if asked.endswith("$"):
            return f"clp {about} {verb}"
        case ["kill" | "kill-agent" as word, _, _]:
            return f"{word} amid a decision"
        case _:
            return words[0]


def shrunk(lines: Lines) -> Lines:
    """Give the shortest script that breaks as *lines* does."""
    kind = broken(lines).split(":")[0]
    fewer = list(schedule.shortest(lines, lambda each: broken(each).startswith(kind)))
    for line in tuple(fewer):
        if line.split()[0] in ("set", "seed", "lossy", "np") and "heartbeat" not in line:
            rest = tuple(each for each in fewer if each is not line)
            fewer = list(rest) if broken(rest).startswith(kind) else fewer
    return tuple(fewer)


# -- on every core


def rounds(
    kinds: tuple[str, ...], start: int, first: int, step: int, seconds: float
) -> Iterator[Round]:
    """Play one round of each kind after the other until the time is over; stop at what breaks.

    *start* is the first seed of every kind; of the rounds that follow, it plays number *first*
    and every *step*-th after that.
    """
    end = time.monotonic() + seconds
    for place in itertools.count(first, step):
        for kind in kinds:
            counted: collections.Counter[str] = collections.Counter()
            seed = start + place * _ROUND[kind]
            for number in range(seed, seed + _ROUND[kind]):
                lines = script(kind, number)
                counted += faults(lines)
                if why := broken(lines):
                    yield Round(kind, number, number - seed + 1, counted, why)
                    return
                if time.monotonic() >= end:
                    yield Round(kind, seed, number - seed + 1, counted)
                    return
            yield Round(kind, seed, _ROUND[kind], counted)


def _work(
    told: multiprocessing.Queue[Round | None],
    kinds: tuple[str, ...],
    start: int,
    first: int,
    step: int,
    seconds: float,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gathers ends it
    gc.freeze()  # what a history leaves behind is collected often: little memory is fast
    for each in rounds(kinds, start, first, step, seconds):
        told.put(each)
    told.put(None)


def explore(kinds: tuple[str, ...], seed: int, seconds: float) -> list[Round]:
    """Play on every core; give all rounds, up to the first one that broke, or to Ctrl-C."""
    cores = os.cpu_count() or 1
    fork = multiprocessing.get_context("fork")
    told: multiprocessing.Queue[Round | None] = fork.Queue()
    workers = [
        fork.Process(
            target=_work,
            args=(told, kinds, seed, place, cores, seconds),
            daemon=True,
        )
        for place in range(cores)
    ]
    for worker in workers:
        worker.start()
    found: list[Round] = []
    with contextlib.suppress(KeyboardInterrupt):
        _gather(told, cores, found)
    for worker in workers:
        worker.terminate()
        worker.join()
    return found


def _gather(told: multiprocessing.Queue[Round | None], running: int, found: list[Round]) -> None:
    """Collect in *found* what the workers tell, until all are done or one has found something."""
    began = shown = time.monotonic()
    while running:
        each = told.get()
        if each is None:
            running -= 1
            continue
        found.append(each)
        if each.broken:
            return
        now = time.monotonic()
        if now >= shown + _SHOW_S:
            shown = now
            total = sum(each.histories for each in found)
            sys.stderr.write(f"{total} histories after {now - began:.0f} s\n")


# -- the report


def _report(found: list[Round], seconds: float) -> None:
    total = sum(each.histories for each in found)
    sys.stdout.write(f"{total} histories in {seconds:.0f} s: {total / seconds:.1f} per second\n")
    for kind in KINDS:
        its = [each for each in found if each.kind == kind]
        if its:
            low = min(each.first for each in its)
            high = max(each.first + each.histories for each in its) - 1
            number = sum(each.histories for each in its)
            sys.stdout.write(f"  {kind}: {number} histories, seeds {low} to {high}\n")
    counted: collections.Counter[str] = collections.Counter()
    for each in found:
        counted += each.faults
    sys.stdout.write(f"  {sum(counted.values())} faults and requests:\n")
    for name, number in counted.most_common():
        sys.stdout.write(f"    {number:9}  {name}\n")


def _show(failure: Round) -> None:
    sys.stdout.write(f"\n{failure.kind} seed {failure.first}: {failure.broken}\n")
    fewer = shrunk(script(failure.kind, failure.first))
    quiet = "\n".join(f"> {line}" for line in fewer)
    sys.stdout.write(f"\nIts shortest script, for tests/scenarios:\n\n{quiet}\n")
    sys.stdout.write(f"\nWhat the servers said:\n\n{_said(fewer)}\n")


def _said(lines: Lines) -> str:
    """Give the dialogue up to what broke."""
    scenario, last = Scenario(), ""
    try:
        for line in lines:
            last = line
            scenario.do(line)
    except Exception as error:  # noqa: BLE001 - that is how it ends
        return "\n".join([*scenario.lines, f"> {last}", str(error)])
    return play("\n".join(f"> {line}" for line in lines))


def main(words: list[str]) -> int:
    """Explore and report; give the exit status."""
    parser = argparse.ArgumentParser(prog="clpcore.simulate.explore")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=0, help="the first seed of every kind")
    parser.add_argument("--kind", choices=KINDS, help="only this kind of schedule")
    asked = parser.parse_args(words)
    kinds = (asked.kind,) if asked.kind else KINDS
    began = time.monotonic()
    found = explore(kinds, asked.seed, asked.seconds)
    _report(found, max(0.001, time.monotonic() - began))
    failures = [each for each in found if each.broken]
    for failure in failures:
        _show(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
