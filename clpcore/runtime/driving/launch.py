"""Starts a program in a session of its own; it runs on only after it was put on record.

Between a fork and the moment when somebody has written down who was forked, a crash would leave a
process that nobody knows. So the child waits at a gate, a pipe: its end without a word means that
the parent has died, and the child ends too.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

import attrs

from clpcore.runtime.driving import launched, processes
from clpcore.runtime.driving.launched import Launched
from clpcore.runtime.workers.limits import Limits

_NUMBER: Final = struct.Struct("=q")
_BAD_GATE: Final = 125


@attrs.frozen(kw_only=True)
class Program:
    """What is started.

    Attributes:
        path: the file to execute.
        argv: its arguments, its name first.
        env: its environment; the mark of its launch is added.
        output: the descriptor that it gets as stdout and stderr.
        inherit: descriptors that it gets as 3, 4, ...; it gets no others.
        limits: the resource limits that it gets back.

    """

    path: str
    argv: Sequence[str]
    env: Mapping[str, str]
    output: int
    inherit: Sequence[int] = ()
    limits: Limits = Limits()


class NotLaunched(Exception):
    """The kernel does not execute it; *errno* tells why."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.errno = number


async def launch(
    program: Program, record: Callable[[Launched], None], *, detach: bool = False
) -> Launched:
    """Start *program*; give who it is when it executes.

    Args:
        program: what to start.
        record: called with who it is while the process still waits.
        detach: make it a child of PID 1, else the caller must wait for it.

    Raises:
        NotLaunched: it cannot be executed, or there are no processes or descriptors left.

    """
    try:
        pipes = _Pipes()
    except OSError as error:
        raise NotLaunched(error.errno or 0) from error
    mark = launched.new_mark()
    program = attrs.evolve(program, env={**program.env, launched.MARK: mark})
    with contextlib.closing(pipes):
        try:
            child = _fork(program, pipes, detach=detach)
        except OSError as error:
            raise NotLaunched(error.errno or 0) from error
        try:
            return await _let_through(pipes, mark, record)
        except BaseException:
            if child:
                _end(child)
            raise


class _Pipes:
    """A gate that the child waits at, and a way for it to say who it is and what went wrong."""

    def __init__(self) -> None:
        self.wait, self.gate = os.pipe2(os.O_CLOEXEC)
        try:
            self.said, self.say = os.pipe2(os.O_CLOEXEC)
        except OSError:
            os.close(self.wait)
            os.close(self.gate)
            raise
        self._open = {self.wait, self.gate, self.said, self.say}

    def shut(self, *fds: int) -> None:
        for fd in self._open.intersection(fds):
            self._open.remove(fd)
            os.close(fd)

    def close(self) -> None:
        self.shut(*self._open)


async def _let_through(pipes: _Pipes, mark: str, record: Callable[[Launched], None]) -> Launched:
    pipes.shut(pipes.wait, pipes.say)
    pid = await _hear(pipes.said)
    # It waits, so it is the process of that number; no stat means that somebody killed it.
    found = processes.stat(pid) if pid is not None else None
    if found is None:
        raise NotLaunched(errno.ECHILD)
    child = Launched(found.pid, found.started, mark)
    record(child)
    with contextlib.suppress(BrokenPipeError):
        os.write(pipes.gate, b".")
    trouble = await _hear(pipes.said)
    if trouble is not None:
        raise NotLaunched(trouble)
    return child


async def _hear(fd: int) -> int | None:
    """Give the child's next number, or None when it has closed the pipe: executed, or died."""
    await processes.readable(fd)
    word = os.read(fd, _NUMBER.size)
    return int(_NUMBER.unpack(word)[0]) if word else None


def _fork(program: Program, pipes: _Pipes, *, detach: bool) -> int:
    """Fork the child that waits at the gate; give its pid, 0 if it is nobody's child here."""
    child = os.fork()
    if child == 0:
        try:
            if not detach or os.fork() == 0:
                _become(program, pipes)
        finally:
            os._exit(0)
    if detach:
        os.waitpid(child, 0)
        return 0
    return child


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _become(program: Program, pipes: _Pipes) -> NoReturn:
    """Wait at the gate, then be the program. Only plain system calls: this is a forked child."""
    say = pipes.say
    try:
        os.setsid()
        wait, say = _arrange(program, pipes)
        os.write(say, _NUMBER.pack(os.getpid()))
        if not os.read(wait, 1):
            os._exit(_BAD_GATE)
        _forget_signals()
        program.limits.restore()
        os.chdir("/")
        os.umask(0o022)
        os.execve(program.path, list(program.argv), dict(program.env))  # noqa: S606 - no shell
    except (OSError, TypeError, ValueError) as error:  # the latter two: what no argv may hold
        os.write(say, _NUMBER.pack(getattr(error, "errno", None) or errno.EINVAL))
    finally:
        os._exit(_BAD_GATE)


def _arrange(program: Program, pipes: _Pipes) -> tuple[int, int]:
    """Put every descriptor in its place and close all others, the ends of other gates above all.

    Give the places of the gate and of the way to say something; both close at the execution.
    """
    wanted = [os.open(os.devnull, os.O_RDONLY), program.output, program.output, *program.inherit]
    free = len(wanted) + 2
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, free) for fd in (*wanted, pipes.wait, pipes.say)]
    for place, fd in enumerate(high):
        os.dup2(fd, place, inheritable=place < len(wanted))
    os.closerange(free, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return len(wanted), len(wanted) + 1


def _forget_signals() -> None:
    """Give every signal its meaning back: Python ignores some, and nohup and shells others."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
