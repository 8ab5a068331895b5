"""The keeper's child processes: what they keep open, and that they die with it."""

import os
import signal
import traceback
from collections.abc import Callable, Collection
from typing import Self

import attrs

from clp_lab import namespaces


@attrs.frozen
class Lifeline:
    """A pipe that only the keeper can write: its end of file says that the keeper is gone."""

    reading: int
    writing: int

    @classmethod
    def make(cls) -> Self:
        return cls(*os.pipe2(os.O_CLOEXEC))


def keep_open(fds: Collection[int]) -> None:
    """Close everything but the standard streams and `fds`.

    A child must not hold what the keeper has open: a connection would not end when the keeper
    closes it, and a server could read another one's channel.
    """
    low = 3
    for fd in sorted(fds):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def fork_part(run: Callable[[], None], *, keep: Collection[int], lifeline: Lifeline) -> int:
    """Fork a process that runs a function until it returns; gives its process id.

    Standard error stays the keeper's log, so what goes wrong in a part is found there.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        keep_open({*keep, lifeline.reading})
        namespaces.die_with_parent(lifeline.reading)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        run()
    except BaseException:  # noqa: BLE001 - a child must never return into the keeper's loop
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
