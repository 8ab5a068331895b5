"""What the agents of a lab wrote: the last lines, what comes, and how the life of one ended."""

import collections
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from clp_lab.journals import Journal
from clp_lab.spots import Server
from clp_lab.timeline import time_of_day

_LOOK_S = 0.1
_LONGEST_LINE = 1 << 16


def last_lines(log: Path, count: int) -> list[str]:
    """Give the last lines of a log, none when nobody has written it yet."""
    if not log.exists():
        return []
    with log.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in collections.deque(file, maxlen=count)]


def last_words(server: Server, count: int) -> list[str]:
    """Give the last sentences of a server's journal: one that is off cannot be asked for them."""
    told = Journal(server).so_far()[-count:] if count else []
    return [f"{time_of_day(each.at)}  {each.key:<6} {each.text}" for each in told]


@attrs.define
class _Tail:
    """Where a reader of a growing log stands."""

    log: Path
    at: int = 0
    half: str = ""

    def lines(self) -> list[str]:
        """Give the whole lines that have come since."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as file:
            file.seek(self.at)
            came = file.read()
        self.at += len(came)
        *whole, self.half = (self.half + came.decode(errors="replace")).split("\n")
        if len(self.half) > _LONGEST_LINE:
            whole, self.half = [*whole, self.half], ""
        return whole


def follow(logs: Sequence[Path], folder: Path) -> Iterator[tuple[Path, str]]:
    """Give each line that comes, and whose it is, until the lab's folder is gone."""
    tails = [_Tail(log, log.stat().st_size if log.exists() else 0) for log in logs]
    while folder.exists():
        for tail in tails:
            for line in tail.lines():
                yield tail.log, line
        time.sleep(_LOOK_S)
