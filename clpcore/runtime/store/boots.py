"""Which life of this server it is, and what only that life may know (in /run)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

from clpcore.model.ids import Boot, Incarnation
from clpcore.model.kept import BootKept
from clpcore.wire import values

LIFE: Final = "life"  # the kind of its row in the store


@attrs.frozen
class Life:
    """A boot and the last start of the agent in it; *over*: it was left cleanly, or given up."""

    boot: Boot
    start: int
    over: bool = False

    @property
    def incarnation(self) -> Incarnation:
        """Give it as peers know it."""
        return Incarnation(self.boot, self.start)


@attrs.frozen(kw_only=True)
class Memory:
    """The file in /run."""

    life: Life
    run: BootKept


def next_life(stored: Life | None, remembered: Life | None, boot_id: str) -> Life:
    """Give the life that begins now.

    Args:
        stored: the last one in the store, if the store knows any.
        remembered: the last one in /run. It is a second witness: a store that was lost while
            resources run must not make peers believe that this boot is over.
        boot_id: of the boot that runs.

    """
    lives = [life for life in (stored, remembered) if life is not None]
    if not lives:
        return Life(Boot(1, boot_id), 1)
    last = max(lives, key=lambda life: (life.boot.counter, life.start, life.over))
    if last.boot.id == boot_id and not last.over:
        return Life(last.boot, last.start + 1)
    return Life(Boot(last.boot.counter + 1, boot_id), 1)


def above(life: Life, counter: int) -> Life:
    """Give the end of *life* that makes the next one take a number above *counter*."""
    return Life(Boot(max(life.boot.counter, counter), life.boot.id), life.start, over=True)


def recall(memory: Memory | None, life: Life) -> BootKept:
    """Give what *life* may know of what /run holds.

    All of it when only the agent restarted. After a clean leave a new life begins in the same boot
    of the machine: it only knows what operators told this server, not what it may do.
    """
    if memory is None or memory.life.boot.id != life.boot.id:
        return BootKept()
    if memory.life.boot.counter != life.boot.counter:
        return BootKept(left=memory.run.left, suspended=memory.run.suspended)
    return memory.run


def scant(memory: Memory) -> Memory:
    """Give the least that is true of *memory*: what binds this boot, and none of its rights."""
    run = memory.run
    return Memory(life=memory.life, run=BootKept(lease=run.lease, promised=run.promised))


def read(path: Path) -> Memory | None:
    """Read the file; None if there is none, or none that can be read (a boot that knows nothing).

    Raises:
        OSError: the folder cannot be read.

    """
    try:
        return values.from_json(path.read_text(), Memory)
    except (FileNotFoundError, values.Unreadable, UnicodeDecodeError):
        return None


def write(path: Path, text: str) -> None:
    """Replace the file at once; it needs no fsync, because a reboot makes it void."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - a mode is wanted
        file.write(text)
    new.replace(path)
