"""Does what was decided: calls drivers, sends letters, answers operators, ends agent or machine."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Callable, Coroutine
from typing import Protocol

import attrs

from clpcore import api, messages
from clpcore.model import actions as act
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Done, Input, Outcome
from clpcore.model.members import Heartbeat
from clpcore.model.peer import Letter
from clpcore.model.states import FinalAction, Presence, Verdict
from clpcore.runtime import clock
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.power import NoPower, Power, PowerError
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.workers.paths import Receive

logger = logging.getLogger(__name__)


class End(enum.Enum):
    """How one start of the agent ends."""

    LEFT = "left cleanly"
    FAILED = "ended without leaving"
    BUG = "cannot go on"
    AGAIN = "starts again"  # in the same process, as a new boot

    @property
    def exit_code(self) -> int:
        """Give the exit code of the process."""
        return {End.LEFT: 0, End.BUG: 70}.get(self, 1)  # 70: EX_SOFTWARE of sysexits.h


class Drivers(Protocol):
    """Who calls drivers: ``workers.Workers``, or a test's script."""

    def on_kept(self, callback: Callable[[str, str, tuple[api.Process, ...]], None]) -> None:
        """Let *callback* hear of each resource's living kept processes."""
        ...

    async def call(self, action: act.Driven, config: ClusterConfig) -> Outcome:
        """Call a driver; never raises."""
        ...

    async def kill(self, group: str) -> None:
        """Kill what runs for *group*, and call off its calls."""
        ...

    async def open_path(
        self, heartbeat: Heartbeat, call: act.Call, others: tuple[str, ...], receive: Receive
    ) -> DrivenPath:
        """Open a heartbeat path that a driver drives; raises ``NoPath``."""
        ...

    async def close(self) -> None:
        """End whatever calls drivers."""
        ...


class Post(Protocol):
    """Who carries letters."""

    def send(self, to: str, letter: Letter) -> None:
        """Send a letter."""
        ...


@attrs.frozen(kw_only=True)
class Helpers:
    """Who helps to do it.

    *feed* takes outcomes, *answer* tells operators, *end* ends the agent; *starve* takes after how
    many ms the watchdog is fed no more: the machine should have stopped by then.
    """

    drivers: Drivers
    post: Post
    power: Power
    troubles: Troubles
    feed: Callable[[Input], None]
    answer: Callable[[act.Answer], None]
    end: Callable[[End], None]
    starve: Callable[[int], None]


class Deeds:
    """The doer of one agent. Everything is begun here and nothing waits here."""

    def __init__(self, me: str, config: ClusterConfig, helpers: Helpers) -> None:
        """Act on the server *me*."""
        self._me = me
        self._config = config
        self._by = helpers
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def perform(self, action: act.Action) -> None:
        """Begin one action."""
        match action:
            case act.Kill(group=group):
                self._start(self._kill(group))
            case act.Send(to=to, letter=letter):
                self._by.post.send(to, letter)
            case act.Answer():
                self._by.answer(action)
            case act.StopSelf(how=how):
                if not self._stopping:
                    self._stopping = True
                    self._by.starve(self._config.heartbeat_timeout)
                    self._start(self._stop_machine(how))
            case act.Left(stay=stay):
                if not stay:
                    self._by.end(End.LEFT)
            case act.RaiseBoot():
                self._by.end(End.AGAIN)
            case _:
                self._start(self._drive(action))

    def close(self) -> None:
        """Wait for nothing any more."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _kill(self, group: str) -> None:
        try:
            await self._by.drivers.kill(group)
        except Exception:
            logger.exception("group %s could not be killed; the core looks what is left", group)

    async def _drive(self, action: act.Driven) -> None:
        try:
            outcome = await self._by.drivers.call(action, self._config)
        except Exception as error:
            logger.exception("the call of a driver failed in the agent itself")
            presence = Presence.UNKNOWN if isinstance(action, act.Probe) else None
            outcome = Outcome(verdict=Verdict.STALLED, detail=repr(error), presence=presence)
        self._by.feed(Done(now=clock.now(), action=action.id, outcome=outcome))

    async def _stop_machine(self, how: FinalAction) -> None:
        """Stop, and insist as long as we are still here: others may count on it."""
        insist = False
        while True:
            try:
                await asyncio.to_thread(self._by.power.stop, how, insist=insist)
            except PowerError as error:
                self._tell_failure(how, str(error))
            await asyncio.sleep(self._config.heartbeat_timeout / 1_000)
            insist = True

    def _tell_failure(self, how: FinalAction, reason: str) -> None:
        known = {"server": self._me, "action": how.value, "reason": reason}
        if isinstance(self._by.power, NoPower):
            sentence = messages.because("pm508", **known)
        else:
            sentence = messages.because("pm507", port=self._by.power.name, **known)
        self._by.troubles.begin("power", sentence)
