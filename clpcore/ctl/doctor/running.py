"""Runs a program that may misbehave: its words are bounded, it ends in time with all it began."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO, Final, NamedTuple

_PIECE: Final = 64 * 1024  # bytes that are read at a time
_COMPLAINT: Final = 16 * 1024  # bytes of the end of stderr
_REAP: Final = 1.0  # seconds for a killed process to go; one that the kernel holds is left


class Ended(NamedTuple):
    """How a program ended.

    Attributes:
        code: as subprocess counts: below 0 is the signal that killed it.
        out: what it wrote to stdout, no more than was asked for.
        err: the end of what it wrote to stderr.
        late: it was killed at its deadline.
        much: it was killed because it wrote more to stdout.

    """

    code: int
    out: bytes
    err: bytes
    late: bool
    much: bool


def run(
    argv: Sequence[str],
    *,
    seconds: float,
    most: int,
    given: bytes = b"",
    env: Mapping[str, str] | None = None,
) -> Ended:
    """Run it in a session of its own, of which nothing is left afterwards.

    *given* is what it reads from stdin, *most* how many bytes of stdout are kept.

    Raises:
        OSError: it cannot be started.

    """
    with os.fdopen(os.memfd_create("given"), "w+b") as stdin:
        stdin.write(given)
        stdin.seek(0)
        process = subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            start_new_session=True,
            bufsize=0,
        )
    try:
        heard = _Heard(process, most)
        late = heard.until_it_ends(time.monotonic() + seconds)
    finally:
        _kill(process)
    heard.rest()
    code = -signal.SIGKILL
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(_REAP)
    return Ended(code, bytes(heard.out[:most]), bytes(heard.err), late, len(heard.out) > most)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and what it has started; it is not reaped yet, so that the number is still its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class _Heard:
    """What a process says, as far as it is kept."""

    def __init__(self, process: subprocess.Popen[bytes], most: int) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self._most = most
        self._pid = process.pid
        both = (process.stdout, process.stderr)
        self._pipes: dict[int, IO[bytes]] = {pipe.fileno(): pipe for pipe in both if pipe}
        self._stdout = next(iter(self._pipes))
        for pipe in self._pipes:
            os.set_blocking(pipe, False)

    def until_it_ends(self, deadline: float) -> bool:
        """Listen until it has ended or said too much; tell whether it is late."""
        with contextlib.ExitStack() as closing, selectors.DefaultSelector() as selector:
            end = os.pidfd_open(self._pid)  # a child that it left behind may hold the pipes open
            closing.callback(os.close, end)
            for each in (end, *self._pipes):
                selector.register(each, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                ready = [key.fd for key, _ in selector.select(left)]
                for pipe in self._pipes.keys() & set(ready):
                    if not self._take(pipe):
                        selector.unregister(pipe)
                        self._pipes.pop(pipe).close()
                if end in ready or len(self.out) > self._most:
                    return False
        return True

    def rest(self) -> None:
        """Take what is left in the pipes, and no more than fits into one, and close them."""
        for number, pipe in self._pipes.items():
            self._take(number)
            pipe.close()

    def _take(self, pipe: int) -> bool:
        """Keep a piece; False at the end."""
        try:
            piece = os.read(pipe, _PIECE)
        except BlockingIOError:
            return True
        if pipe == self._stdout:
            self.out += piece
        else:
            self.err = (self.err + piece)[-_COMPLAINT:]
        return bool(piece)
