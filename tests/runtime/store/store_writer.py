"""Commits numbers as fast as it can and says each one that is durable. Run as a process.

With a second argument, that many bytes are the most that a file of it may have until it reads a
line from stdin.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from clpcore.runtime.store.rows import Row
from clpcore.runtime.store.writer import Entry, Store


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Teller:
    def store_fails(self, reason: str) -> None:
        say(f"fails {reason}")
        if sys.argv[2:]:
            sys.stdin.readline()
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    def store_works(self, lost_lines: int) -> None:
        say(f"works {lost_lines}")

    def store_set_aside(self, aside: Path, reason: str) -> None:
        say(f"set aside {aside} {reason}")

    def store_died(self, error: BaseException) -> None:
        say(f"died {error!r}")


async def main(folder: Path) -> None:
    store = Store(folder / "var" / "store.db", folder / "boot.json", Teller())
    rows = (await store.open()).rows
    number = max((int(row.body or 0) for row in rows), default=0)
    if sys.argv[2:]:
        limit = int(sys.argv[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    while True:
        number += 1
        text = f'"{number}"'
        row = Row("n", str(number % 50), str(number))
        await store.commit(Entry(rows=(row,), run=text, scant='"0"'))
        say(number)


asyncio.run(main(Path(sys.argv[1])))
