"""What happened and when: the journals of all servers and the client's visits, on one clock."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import attrs

_NS_PER_MS = 1_000_000


@attrs.frozen(kw_only=True)
class Happened:
    """One sentence of a server's journal; `at` in monotonic nanoseconds, as the visits'."""

    at: int
    server: str
    key: str
    args: Mapping[str, Any]
    text: str

    @classmethod
    def of(cls, server: str, row: Mapping[str, Any], offset: int) -> Self:
        """Read a row of `clp log --json`."""
        return cls(
            at=int(row["now_ms"]) * _NS_PER_MS - offset,
            server=server,
            key=row["key"],
            args=row["args"],
            text=row["text"],
        )


def boot_time_offset() -> int:
    """Give CLOCK_BOOTTIME minus CLOCK_MONOTONIC, in nanoseconds.

    Journals use the one, visits the other; they drift apart only while the machine sleeps.
    """
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


def boot_time_ms(at: int) -> int:
    """Give a monotonic nanosecond on the journals' clock."""
    return (at + boot_time_offset()) // _NS_PER_MS


def time_of_day(at: int) -> str:
    """Give a monotonic nanosecond of the last hours as the clock on the wall shows it."""
    seconds = (time.time_ns() - time.monotonic_ns() + at) / 1e9
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S.%f")[:-3]


def first(
    story: Iterable[Happened], key: str, *, after: int, by: str = "", **args: str
) -> Happened | None:
    """Give the first sentence `key` since `after`, told `by` that server, with these arguments."""
    for each in sorted(story, key=lambda happened: happened.at):
        if each.key != key or each.at < after - _NS_PER_MS or by not in ("", each.server):
            continue
        if all(each.args.get(name) == value for name, value in args.items()):
            return each
    return None


@attrs.frozen(kw_only=True)
class Phase:
    """One step of a failover: what, when (monotonic ns), and the sentence that says so."""

    name: str
    at: int
    told: str


def table(title: str, phases: Sequence[Phase]) -> str:
    """Give the phases as a table: milliseconds since the first, and since the one before.

    Journals count whole milliseconds, so that a phase may seem to lie a fraction before the fault.
    """
    begin = phases[0].at
    lines = [title, f"  {'':12} {'since fault':>12} {'step':>10}"]
    before = begin
    for phase in phases:
        since = max(0, phase.at - begin) / _NS_PER_MS
        step = max(0, phase.at - before) / _NS_PER_MS
        lines.append(f"  {phase.name:12} {since:9.0f} ms {step:7.0f} ms  {phase.told}")
        before = phase.at
    return "\n".join(lines)
