"""Records each input and its decision beside the loop, which pays a microsecond or two for it.

Nothing waits for the recording and nothing fails because of it. A disk that is too slow makes a
gap, after which a new segment begins; one that cannot be written ends the recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, Final

import attrs

from clpcore.decide.picture import bare
from clpcore.model.actions import StopSelf
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.inputs import Input
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import Beat
from clpcore.model.state import ClusterState, Decision
from clpcore.runtime import clock, priority
from clpcore.runtime.recording.lines import Heading, Turned, raised
from clpcore.runtime.recording.ring import Ring, SegmentFile
from clpcore.runtime.turns import Core
from clpcore.wire import values

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 2_000  # inputs
# One write for what comes together, and after a failover has had the processor for itself.
_GATHER: Final = 0.2  # seconds
_CALM: Final = 1.0  # seconds without input after which sentences are synced: not amid a failover
SEGMENT: Final = 1024 * 1024  # bytes after which the next one begins
_SEGMENT_TIME: Final = 3_600_000  # ms likewise: a replay of an hour plays no more than two
_PATIENCE: Final = 2.0  # seconds that an agent which ends waits for a stuck disk


@attrs.frozen
class _Begin:
    """What a new segment begins with."""

    config: ClusterConfig
    state: ClusterState
    wall: int
    follows: bool


@attrs.frozen
class _Item:
    turned: Turned
    begin: _Begin | None


class Recorder:
    """The recording of one agent."""

    def __init__(
        self, ring: Ring, server: str, version: str, give_up: Callable[[str], None]
    ) -> None:
        """Name the place; nothing is touched before ``over``. *give_up* hears why, on the loop."""
        self._ring = ring
        self._server = server
        self._version = version
        self._give_up = give_up
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._hurry = threading.Event()  # the agent or the machine ends
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._given_up = False
        self._wants_new = False  # the thread says so; the loop has the state to begin with
        # Owned by the loop:
        self._last: ClusterState | None = None
        self._behind = False
        # Owned by the thread:
        self._file: SegmentFile | None = None
        self._ends_at = 0  # ``now`` of inputs
        self._asked = False
        self._unsynced = False

    def over(self, core: Core) -> Core:
        """Give *core*, recorded from now on."""
        self._thread.start()
        return _Recorded(core, self)

    def take(
        self, config: ClusterConfig, old: ClusterState, new: ClusterState, turned: Turned
    ) -> None:
        """Record that *turned* led from *old* to *new*."""
        if self._given_up or self._too_far_behind():
            return
        follows, begin = old is self._last, None
        if self._wants_new or not follows:
            self._wants_new = False
            begin = _Begin(config, old, clock.wall(), follows)
        self._last = new
        self._queue.put(_Item(turned, begin))
        if any(isinstance(action, StopSelf) for action in turned.actions):
            self._hurry.set()

    def _too_far_behind(self) -> bool:
        waiting = self._queue.qsize()
        if waiting >= MOST_WAITING:
            self._behind, self._last = True, None
        elif waiting == 0:
            self._behind = False
        return self._behind

    async def close(self) -> None:
        """Write what waits, unless the disk is stuck."""
        if self._thread.is_alive():
            self._hurry.set()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join, _PATIENCE)

    # -- in the thread

    def _run(self) -> None:
        priority.raise_thread()
        try:
            while self._serve():
                pass
            self._finish()
        except Exception as error:  # whatever it is, the agent goes on without
            self._given_up = True
            if not isinstance(error, OSError):
                logger.exception("the recording failed")
            reason = (isinstance(error, OSError) and error.strerror) or raised(error)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._give_up, reason)
        finally:
            if self._file is not None:
                self._file.abandon()

    def _serve(self) -> bool:
        """Write what comes next; False at the end."""
        try:
            item = self._queue.get(timeout=_CALM if self._unsynced else None)
        except queue.Empty:
            self._sync()
            return True
        self._hurry.wait(_GATHER)
        with contextlib.suppress(queue.Empty):
            while item is not None:
                self._write(item)
                item = self._queue.get_nowait()
        self._flush()
        if self._hurry.is_set():
            self._hurry.clear()
            self._sync()
        return item is not None

    def _write(self, item: _Item) -> None:
        if item.begin is not None:
            self._begin(item.begin, item.turned.taken)
        if self._file is not None:
            self._file.add(values.to_json(item.turned))
            self._unsynced |= bool(item.turned.because)
            if item.turned.taken.now >= self._ends_at:
                self._ask_for_new()

    def _begin(self, begin: _Begin, first: Input) -> None:
        self._finish()
        number, self._file = self._ring.begin()
        heading = Heading(
            number=number,
            version=self._version,
            server=self._server,
            now=first.now,
            wall=begin.wall,
            follows=begin.follows,
        )
        # Without the settings of drivers: they may hold secrets.
        for value in (heading, bare(begin.config), begin.state):
            self._file.add(values.to_json(value))
        self._ends_at = first.now + _SEGMENT_TIME
        self._asked = False

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()
            if self._file.size >= SEGMENT:
                self._ask_for_new()

    def _ask_for_new(self) -> None:
        if not self._asked:
            self._asked = self._wants_new = True

    def _sync(self) -> None:
        self._unsynced = False
        if self._file is not None:
            self._file.sync()

    def _finish(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.finish()


@attrs.frozen
class _Recorded:
    """A core whose steps are recorded."""

    _core: Core
    _recorder: Recorder

    def start(
        self,
        config: ClusterConfig,
        me: str,
        incarnation: Incarnation,
        kept: Kept,
        run: BootKept,
        *,
        now: int,
        wall: int,
    ) -> ClusterState:
        """Hand it on: a segment begins with the state."""
        return self._core.start(config, me, incarnation, kept, run, now=now, wall=wall)

    def step(self, config: ClusterConfig, state: ClusterState, taken: Input, /) -> Decision:
        """Decide, and record."""
        try:
            decision = self._core.step(config, state, taken)
        except Exception as error:
            self._recorder.take(config, state, state, Turned(taken=taken, raised=raised(error)))
            raise
        turned = Turned(taken=taken, because=decision.because, actions=decision.actions)
        self._recorder.take(config, state, decision.state, turned)
        return decision

    def feed_until(self, config: ClusterConfig, state: ClusterState, /) -> int | None:
        """Hand it on."""
        return self._core.feed_until(config, state)

    def beat(self, config: ClusterConfig, state: ClusterState, /) -> Beat:
        """Hand it on."""
        return self._core.beat(config, state)

    def snapshot(self, config: ClusterConfig, state: ClusterState, /) -> dict[str, Any]:
        """Hand it on."""
        return self._core.snapshot(config, state)
