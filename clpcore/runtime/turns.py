"""Turns the core: one input after the other, a tick in time, and no harm when a step raises."""

from __future__ import annotations

import asyncio
import collections
import logging
from typing import Any, Final, Protocol

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.inputs import Done, Input, Outcome, Tick
from clpcore.model.kept import BootKept, Kept
from clpcore.model.peer import Beat
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Presence, Verdict
from clpcore.runtime import clock

logger = logging.getLogger(__name__)

_NOT_SOONER: Final = 1  # ms until a tick that is due already: others have their turn first


class Core(Protocol):
    """What decides: ``clpcore.decide``, or a test's script of it."""

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
        """Give the first state."""
        ...

    def step(self, config: ClusterConfig, state: ClusterState, taken: Input, /) -> Decision:
        """Decide."""
        ...

    def feed_until(self, config: ClusterConfig, state: ClusterState, /) -> int | None:
        """Give until when (``now``) the watchdog may be fed; None: as long as the agent is well."""
        ...

    def beat(self, config: ClusterConfig, state: ClusterState, /) -> Beat:
        """Give the heartbeat to send now."""
        ...

    def snapshot(self, config: ClusterConfig, state: ClusterState, /) -> dict[str, Any]:
        """Give the status document."""
        ...


class Doer(Protocol):
    """Does what a turn decided."""

    def decided(self, taken: Input, old: ClusterState, decision: Decision) -> None:
        """Make it durable, then do it."""
        ...

    def undecided(self, taken: Input, error: Exception) -> None:
        """Tell that the core raised; the state is as it was."""
        ...

    def before_tick(self) -> None:
        """Take in what waits to be heard: silence is judged at ticks."""
        ...


class Turns:
    """The state of this server, turned by inputs."""

    def __init__(self, core: Core, config: ClusterConfig, state: ClusterState, doer: Doer) -> None:
        """Hold *state*; ``tick`` begins."""
        self.state = state
        self.count = 0
        self.raised = 0
        self._core = core
        self._config = config
        self._doer = doer
        self._inputs: collections.deque[Input] = collections.deque()
        self._turning = False
        self._stopped = False
        self._wake_at: int | None = None
        self._armed_at: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def tick(self) -> None:
        """Tell the core the time: every heartbeat interval, and when it asked for that."""
        self._doer.before_tick()
        self.feed(Tick(clock.now()))

    def stop(self) -> None:
        """Take nothing any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def feed(self, taken: Input) -> None:
        """Take an input; from within a turn it waits for the next one."""
        self._inputs.append(taken)
        if self._turning or self._stopped:
            return
        self._turning = True
        try:
            while self._inputs:
                self._turn(self._inputs.popleft())
        finally:
            self._turning = False
        self._arm()

    def _turn(self, taken: Input) -> None:
        if not self._step(taken) and isinstance(taken, Done):
            self._step(_unread(taken))

    def _step(self, taken: Input) -> bool:
        """Let the core decide on an input; False if it raised."""
        self.count += 1
        old = self.state
        try:
            decision = self._core.step(self._config, old, taken)
        except Exception as error:  # noqa: BLE001 - told with its input by the doer
            # A bug of ours must not cost the service: go on with what was known before.
            self.raised += 1
            self._wake_at = None  # the next tick comes with the interval, not at once
            self._doer.undecided(taken, error)
            return False
        self.state = decision.state
        self._wake_at = decision.wake_at
        self._doer.decided(taken, old, decision)
        return True

    def _arm(self) -> None:
        if self._wake_at == self._armed_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._armed_at = None, self._wake_at
        if self._wake_at is not None:
            wait = max(_NOT_SOONER, self._wake_at - clock.now()) / 1_000
            self._timer = asyncio.get_running_loop().call_later(wait, self._woken)

    def _woken(self) -> None:
        self._timer = self._armed_at = None
        self.tick()
        self._arm()  # the core may ask for the same moment again


def _unread(done: Done) -> Done:
    """Give an outcome that the core failed on as one that is not known.

    An action comes to an end once: without this one the core would wait for it for ever.
    """
    was = done.outcome
    outcome = Outcome(
        verdict=Verdict.STALLED,
        detail=f"the core failed on its outcome ({was.verdict.value}): a bug of clpcore",
        presence=Presence.UNKNOWN if was.presence is not None else None,
    )
    return attrs.evolve(done, outcome=outcome)
