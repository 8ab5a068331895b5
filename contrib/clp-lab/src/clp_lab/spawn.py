"""Children of a place's PID 1: commands, agents and the lab's own functions."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

_NOT_FOUND = 127
_TO_DEFAULT = (
    *(signal.SIGCHLD, signal.SIGTERM, signal.SIGINT),
    *(signal.SIGPIPE, signal.SIGXFSZ),  # ignored by every Python, and so by what it starts
)

Program = Sequence[str] | Callable[[], None]
"""A command line, or a function that runs in the child itself."""


def spawn(
    program: Program, *, environment: Mapping[str, str], folder: str, stdio: tuple[int, int, int]
) -> int:
    """Fork a child in a session of its own that becomes `program`; gives its process id.

    A command that cannot be started says so on its standard error and ends with 127, as in a shell.
    """
    pid = os.fork()
    if pid == 0:
        _become(program, environment, folder, stdio)
    return pid


def _become(
    program: Program, environment: Mapping[str, str], folder: str, stdio: tuple[int, int, int]
) -> NoReturn:
    try:
        os.setsid()
        _default_signals()
        for wanted, fd in enumerate([os.dup(fd) for fd in stdio]):
            os.dup2(fd, wanted)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir(folder)
        if callable(program):
            program()
            os._exit(0)
        os.execvpe(program[0], list(program), dict(environment))  # noqa: S606
    except BaseException as error:  # noqa: BLE001 - a child must never return into PID 1's loop
        name = "the lab's own part" if callable(program) else program[0]
        os.write(2, f"lab: cannot run {name}: {error}\n".encode())
    os._exit(_NOT_FOUND)


def _default_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _TO_DEFAULT:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def busy(seconds: float) -> Callable[[], None]:
    """Give a function that burns one core for so long and not longer."""

    def burn() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(10_000))

    return burn


def exit_code(status: int) -> int:
    """Give what waitpid said as subprocess does: below zero is the number of a signal."""
    return os.waitstatus_to_exitcode(status)


def say(text: str) -> None:
    """Write one line of the lab's own to the log that stands behind standard error."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()
