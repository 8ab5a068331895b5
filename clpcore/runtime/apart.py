"""Does what needs the plugins' code in a process of its own that ends afterwards.

Whoever loads a plugin keeps its code, and may die of it. A plugin that ends or blocks that process
is refused, and the work is done once more without it. What plugins fork ends with that process: it
would hold our callers' pipes open.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import pickle
import select
import signal
import struct
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, TypeAlias, TypeVar

import attrs

if TYPE_CHECKING:
    from clpcore.host import Registry

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work: TypeAlias = "Callable[[Registry], T]"  # what it gives is pickled

_SIZE: Final = struct.Struct("=Q")


class NoResultError(Exception):
    """The process gave none, and no plugin can be refused for it; says what became of it."""


@attrs.frozen
class _Begins:
    """Loading a plugin begins; no name: all are loaded, and the work begins."""

    plugin: str


@attrs.frozen
class _Result:
    value: Any


_Word: TypeAlias = _Begins | _Result


class _NoAnswer(Exception):
    """The process ended, or says nothing any more."""


@attrs.define
class _Process:
    """One process that loads and works, and the pipe that its words come through."""

    pid: int
    _pidfd: int
    _words: int
    _patience: float

    @classmethod
    def fork(cls, work: Work[Any], deadly: Mapping[str, str], patience: float) -> _Process:
        """Fork it. The caller has one thread, and does other things meanwhile."""
        words, ours = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(words)
            _be_the_process(work, deadly, functools.partial(_say, ours, os.getpid()))
        os.close(ours)
        return cls(pid, os.pidfd_open(pid), words, patience)

    def hear(self) -> _Word:
        """Give its next word.

        Raises:
            _NoAnswer: none comes; says why, as what the plugin that it loads has done.

        """
        deadline = time.monotonic() + self._patience
        (size,) = _SIZE.unpack(self._read(_SIZE.size, deadline))
        word: _Word = pickle.loads(self._read(size, deadline))  # noqa: S301 - from our own child
        return word

    def _read(self, size: int, deadline: float) -> bytes:
        data = b""
        while len(data) < size:
            left = max(0.0, deadline - time.monotonic())
            ready = select.select([self._words, self._pidfd], [], [], left)[0]
            if not ready:
                raise _NoAnswer(f"had said nothing for {self._patience:g} s")
            # Its end counts only when nothing is left to read. The end of the pipe says nothing:
            # a child that a plugin has forked may hold it open for ever.
            chunk = os.read(self._words, size - len(data)) if self._words in ready else b""
            if not chunk:
                raise _NoAnswer(self._last_words())
            data += chunk
        return data

    def _last_words(self) -> str:
        # It stays a zombie: until ``close`` nobody else may get the number of its session.
        end = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        if end is None or end.si_code == os.CLD_EXITED:
            return f"ended with code {end.si_status if end else 0} before it answered"
        return f"died of {signal.Signals(end.si_status).name} before it answered"

    def close(self) -> None:
        """End it, if it has not ended, and what was forked in it."""
        os.close(self._words)
        os.close(self._pidfd)
        for kill in (os.killpg, os.kill):  # it leads no group before its first step
            with contextlib.suppress(ProcessLookupError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@attrs.define
class Apart(Generic[T]):
    """The work, which goes on beside the caller until ``result``.

    *patience*: seconds for one plugin, or for the work after them.
    """

    _work: Work[T]
    _patience: float
    _process: _Process
    _deadly: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def begin(cls, work: Work[T], patience: float) -> Apart[T]:
        """Begin; the caller has one thread until it has the result."""
        return cls(work, patience, _Process.fork(work, {}, patience))

    def result(self) -> T:
        """Wait for the result; it is asked for once.

        Raises:
            NoResultError: there is none, although every plugin that may be why is refused.

        """
        while (result := self._result()) is None:
            self._process = _Process.fork(self._work, self._deadly, self._patience)
        value: T = result.value
        return value

    def _result(self) -> _Result | None:
        """Give the result; None after a plugin has kept the process from giving any."""
        plugin = ""
        try:
            while isinstance(word := self._process.hear(), _Begins):
                plugin = word.plugin
        except _NoAnswer as why:
            if not plugin or plugin in self._deadly:
                raise NoResultError(f"it {why}") from None
            logger.error("plugin %s is refused: the process that loads it %s", plugin, why)  # noqa: TRY400 - no error of ours
            self._deadly[plugin] = f"the process that loads it {why}"
            return None
        finally:
            self._process.close()
        return word


def _be_the_process(
    work: Work[Any], deadly: Mapping[str, str], say: Callable[[_Word], None]
) -> NoReturn:
    code = 1
    try:
        os.setsid()  # without a terminal, which would stop what prints from the background
        os.dup2(2, 1)  # what plugins print is no answer of ours
        say(_Result(work(_load(deadly, lambda plugin: say(_Begins(plugin))))))
        code = 0
    except BaseException:
        logger.exception("what needs the plugins could not be done")
    finally:
        os._exit(code)


def _load(deadly: Mapping[str, str], begins: Callable[[str], None]) -> Registry:
    from clpcore import host  # noqa: PLC0415 - only this process needs it

    registry = host.load(deadly=deadly, begins=begins)
    begins("")
    return registry


def _say(words: int, speaker: int, word: _Word) -> None:
    if os.getpid() != speaker:
        os._exit(0)  # a copy that a plugin has forked of us: two would talk over each other
    data = pickle.dumps(word)
    data = _SIZE.pack(len(data)) + data
    while data:
        try:
            data = data[os.write(words, data) :]
        except BrokenPipeError:
            os._exit(1)  # nobody waits for the answer any more
