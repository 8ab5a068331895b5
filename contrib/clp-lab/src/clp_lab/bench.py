"""`make bench`: the numbers, measured here, in the shape of the peers' tables."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from clp_lab import footprint, load, measures
from clp_lab.errors import LabError
from clp_lab.measures import Sample
from clp_lab.rig import PROBE_MS, THRESHOLD, Times

TIMEOUTS = (3_000, 1_000, 500, 250)
_SHORT_S = 30  # of the measurements that need no more
_PARTS = ("kill", "application", "move", "status", "rest", "lateness", "burn", "step", "tools")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when something could not be measured."""
    given = _parser().parse_args(argv)
    print(_heading())
    failed = False
    for part in given.only or _PARTS:
        try:
            _MEASURES[part](given)
        except LabError as error:
            failed = True
            print(f"\nNOT MEASURED: {part}: {error}", flush=True)
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure the cluster on this machine; quarter of an hour."
    )
    parser.add_argument("--runs", type=int, default=20, help="of everything that is timed (20)")
    parser.add_argument("--seconds", type=int, default=180, help="of burning, each timeout (180)")
    parser.add_argument(
        "--clp-conf", nargs="+", type=Path, default=[], help="files to time the import of"
    )
    parser.add_argument("--only", nargs="+", choices=_PARTS, help="some of the parts")
    return parser


def _heading() -> str:
    cores = os.cpu_count()
    moment = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    return (
        f"Measured {moment} UTC, kernel {platform.release()}, {cores} cores, "
        f"CPython {platform.python_version()}.\nThe client asks every 5 ms. Server kill = SIGKILL "
        "of PID 1 and its switch port down in the same\nmoment. The load balancer probes every "
        f"{PROBE_MS} ms, threshold {THRESHOLD}. Milliseconds, median / max."
    )


def _cell(sample: Sample, name: str) -> str:
    median, largest = sample.column(name)
    return f"{median:.0f} / {largest:.0f}"


def _row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def _table(title: str, columns: Sequence[str]) -> None:
    print(f"\n{title}\n")
    _row(*columns)
    _row(*["---"] * len(columns))


def _kill(given: argparse.Namespace) -> None:
    begun = False
    for timeout in TIMEOUTS:
        sample = measures.server_kill(Times(timeout=timeout), given.runs)
        if not begun:
            _table(
                f"Server kill, {given.runs} runs each. Detected, decided, activated and routed "
                "follow each other and\nmake up the answer through the frontend; routed is the "
                "balancer's own probe time. First answer: of\nthe heir, asked directly; the "
                "application's own start, in it, counts from the fork of its process. Own\n"
                "overhead: from detected to activated, which does not wait for the application.",
                ("heartbeat timeout", *sample.names),
            )
            begun = True
        _row(str(timeout), *(_cell(sample, name) for name in sample.names))


def _application(given: argparse.Namespace) -> None:
    sample = measures.application_kill(given.runs)
    _table(f"Application kill, {given.runs} runs.", sample.names)
    _row(*(_cell(sample, name) for name in sample.names))


def _move(given: argparse.Namespace) -> None:
    sample = measures.planned_move(given.runs)
    _table(f"Planned move, {given.runs} runs.", sample.names)
    _row(*(_cell(sample, name) for name in sample.names))


def _status(given: argparse.Namespace) -> None:
    sample = measures.status_command(given.runs)
    _table(f"Status command, {given.runs} runs.", sample.names)
    _row(*(_cell(sample, name) for name in sample.names))


def _rest(given: argparse.Namespace) -> None:
    seconds = min(given.seconds, _SHORT_S)
    _table(
        f"At rest, {seconds} s, heartbeat 200 ms: agent, template and workers together.",
        ("server", "PSS, MiB", "CPU, % of a core", "processes"),
    )
    for each in footprint.at_rest(seconds):
        _row(
            f"{each.server} ({each.role})",
            f"{each.pss_mib:.1f}",
            f"{each.cpu_percent:.2f}",
            str(each.processes),
        )


def _lateness(given: argparse.Namespace) -> None:
    seconds = min(given.seconds, _SHORT_S)
    found = load.lateness(seconds)
    _table(
        f"Largest lateness of a 100 ms heartbeat, {seconds} s in which a driver blocks and all "
        "cores burn.",
        ("server", "ms"),
    )
    for server, worst in found.items():
        _row(server, f"{worst:.1f}")


def _burn(given: argparse.Namespace) -> None:
    _table(
        f"False failovers while all cores burn, {given.seconds} s at each timeout.",
        ("heartbeat timeout", "servers taken for silent"),
    )
    for timeout in TIMEOUTS:
        _row(str(timeout), str(load.false_failovers(Times(timeout=timeout), given.seconds)))


def _step(_given: argparse.Namespace) -> None:
    print("\n`step` at 32 servers x 512 groups.\n")
    print(load.step_times().rstrip(), flush=True)


def _tools(given: argparse.Namespace) -> None:
    found = [measures.product_status(given.runs), measures.apply(min(given.runs, 10))]
    if given.clp_conf:
        found.append(measures.imports(given.clp_conf, given.runs))
    _table("Operators' tools.", ("command", "milliseconds", "runs"))
    for sample in found:
        for name in sample.names:
            _row(f"`{name}`", _cell(sample, name), str(len(sample.runs)))


_MEASURES: dict[str, Callable[[argparse.Namespace], None]] = {
    "kill": _kill,
    "application": _application,
    "move": _move,
    "status": _status,
    "rest": _rest,
    "lateness": _lateness,
    "burn": _burn,
    "step": _step,
    "tools": _tools,
}

if __name__ == "__main__":
    sys.exit(main())
