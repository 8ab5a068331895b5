"""The agent around the member: signals, control socket, store, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from clpcore import messages
from clpcore.model.actions import Answer
from clpcore.model.picture import Picture
from clpcore.model.reasons import Because
from clpcore.model.requests import Op
from clpcore.model.revisions import Dispatch
from clpcore.model.states import Phase
from clpcore.runtime import attempts, briefs, clock
from clpcore.runtime.companions import Companions
from clpcore.runtime.deeds import End
from clpcore.runtime.feeder import Feeder, Terms
from clpcore.runtime.hearing import Hearing
from clpcore.runtime.leaving import leave_limit
from clpcore.runtime.member import Member, Setup
from clpcore.runtime.metrics.shown import MetricsSocket
from clpcore.runtime.metrics.text import Facts
from clpcore.runtime.operators import telling
from clpcore.runtime.operators.control import Control, Document, refusal
from clpcore.runtime.operators.desk import Desk
from clpcore.runtime.operators.elsewhere import VERSION, Elsewhere
from clpcore.runtime.operators.verbs import Verbs
from clpcore.runtime.operators.watching import MakeStatus, Status
from clpcore.runtime.recording.recorder import Recorder
from clpcore.runtime.recording.ring import Ring
from clpcore.runtime.revisions import requests
from clpcore.runtime.revisions.around import Here
from clpcore.runtime.revisions.steward import Steward
from clpcore.runtime.store.database import Line
from clpcore.runtime.store.ledger import Ledger
from clpcore.runtime.store.writer import Store
from clpcore.runtime.troubles import Troubles

logger = logging.getLogger(__name__)

_MORE_TIME: Final = 10  # seconds between two words to the service manager while we leave
_STORE_PATIENCE: Final = 60_000  # ms that a leave waits for a store that cannot be written
_LEFT_YET: Final = 0.2  # seconds between two looks whether this server has left
_LATELY, _BEATS = 1_000, 3  # ms, heartbeats: who was heard within the longer of both is there
_SAME_WORD: Final = 1_000  # ms in which a second signal is the first one: timeout(1) sends two


@attrs.frozen
class Documents:
    """Answers that are known before the loop runs."""

    plugins: Document
    config: Document
    shield: Mapping[str, str]


class Agent:
    """One start of the agent, from reading its store to its end."""

    def __init__(self, setup: Setup, documents: Documents) -> None:
        """Prepare; ``run`` does everything."""
        root, me = setup.where.root, setup.where.server
        self._setup = setup
        self._documents = documents
        self._ending: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._member: Member | None = None
        self._leaving_since: int | None = None
        self._store_fails_since: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._desk = Desk()
        self._elsewhere = Elsewhere(self, setup.config, me, root, self._desk)
        asked = {
            **requests.verbs(lambda: self._steward, self._desk),
            **telling.verbs(self._say, self._desk),
            **self._elsewhere.verbs,
        }
        self._verbs = Verbs(
            self,
            self._desk,
            root.store,
            me,
            asked,
            elsewhere={"status": self._elsewhere.status},
        )
        self._control = Control(root.control, self._verbs.serve)
        self._store = Store(root.store, root.boot, self)
        self._ledger = Ledger(self._store, root.boot, self._written)
        self._troubles = Troubles(self._ledger.say)
        self._recorder = Recorder(Ring(root.recording), me, VERSION, self._unrecorded)
        self._metrics = MetricsSocket(root.metrics, self._desk, self._metrics_facts)
        self._companions = Companions(self._troubles)
        self._feeder = Feeder(setup.watchdog, self._terms, self._troubles)
        self._steward = self._make_steward()

    @property
    def _terms(self) -> Terms:
        arbiter = self._setup.config.arbiter
        where = self._setup.where
        return Terms(
            server=where.server,
            timeout=arbiter.watchdog if arbiter is not None and arbiter.lease else 0,
            until=lambda: self._member.feed_until() if self._member else 0,
            mark=where.root.armed,
            armed=lambda: self._member.armed() if self._member else None,
        )

    def _make_steward(self) -> Steward:
        me, config = self._setup.where.server, self._setup.config
        others = tuple(name for name in config.server_names if name != me)
        root = self._setup.where.root
        here = Here(
            root=root,
            server=me,
            others=others,
            lately=max(_LATELY, _BEATS * config.heartbeat_interval),
            timeout=config.heartbeat_timeout,
            troubles=self._troubles,
        )
        return Steward(here, self, self._setup.committed)

    async def run(self) -> End:
        """Run until it has left, failed, or must start again.

        Raises:
            NewerStoreError: the store is of a newer clpcore.

        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        opening = attempts.open_at_last("The control socket", self._control.open, self._troubles)
        self._begin(opening)
        shown = attempts.open_at_last("The metrics socket", self._metrics.open, self._troubles)
        self._begin(shown)
        for companion in briefs.companions(self._setup.config, self._setup.where):
            self._companions.start(companion)
        starting = asyncio.create_task(self._start())
        starting.add_done_callback(self._started)
        try:
            end = await self._ending
            me = self._setup.where.server
            self._troubles.tell(messages.because("pm2", server=me, reason=end.value))
            return end
        finally:
            starting.cancel()
            await self._close()

    def _started(self, starting: asyncio.Task[None]) -> None:
        """Let ``run`` raise what the start raised."""
        error = None if starting.cancelled() else starting.exception()
        if error is not None and not self._ending.done():
            self._ending.set_exception(error)

    async def _start(self) -> None:
        where = self._setup.where
        boot_id = clock.boot_id(where.root.boot_id if where.lab else None)
        begun = await self._ledger.begin(boot_id)
        for reason in begun.refused:
            self._troubles.tell(reason)
        member = Member(
            attrs.evolve(self._setup, core=self._recorder.over(self._setup.core)),
            begun,
            self._ledger,
            self._troubles,
            Hearing(self._steward, self._elsewhere),
            changed=self._verbs.watchers.changed,
            end=self._end,
            starve=self._feeder.starve,
        )
        boot, start = member.incarnation.boot.counter, member.incarnation.start
        self._troubles.tell(messages.because("pm1", server=where.server, boot=boot, start=start))
        self._member = member
        await self._feeder.arm()
        self._begin(self._feeder.keep())
        member.start()
        self._steward.start(self._setup.edited)
        self._setup.notify.ready()
        self._begin(self._feed_watchdog())

    async def _close(self) -> None:
        """End everything, the store nearly last: what was decided must reach it."""
        async with contextlib.AsyncExitStack() as closing:  # runs from the last to the first
            closing.callback(self._setup.notify.close)
            closing.callback(self._desk.close)
            closing.push_async_callback(self._store.close)
            closing.push_async_callback(self._recorder.close)
            closing.callback(self._companions.close)
            closing.push_async_callback(self._setup.drivers.close)
            closing.callback(self._verbs.watchers.close)
            closing.callback(self._control.close)
            closing.callback(self._metrics.close)
            closing.callback(self._elsewhere.close)
            closing.callback(self._steward.close)
            closing.push_async_callback(self._feeder.close)
            if self._member is not None:
                closing.push_async_callback(self._member.close)
            for task in self._tasks:
                closing.callback(task.cancel)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _end(self, end: End) -> None:
        if not self._ending.done():
            self._ending.set_result(end)

    # -- leaving

    def _leave(self) -> None:
        """Leave cleanly; asked a second time, end at once and leave everything running."""
        since = self._leaving_since
        if since is not None and clock.now() - since < _SAME_WORD:
            return
        if since is not None or self._member is None:
            logger.warning("ends at once, without leaving: what runs here goes on")
            self._end(End.FAILED)
            return
        self._leaving_since = clock.now()
        self._setup.notify.stopping()
        self._begin(self._limit_leave())
        self._member.leave()

    async def _limit_leave(self) -> None:
        """Ask the service manager for time, as long as our own limit is not over."""
        begun = clock.now()
        while (left := self._leave_until(begun) - clock.now()) > 0:
            self._setup.notify.more_time(3 * _MORE_TIME)
            await asyncio.sleep(min(_MORE_TIME, left / 1_000))
        logger.error("could not leave in time: see `clp why`; what runs here goes on")
        self._end(End.FAILED)

    def _leave_until(self, begun: int) -> int:
        """Give when a leave that has *begun* is given up."""
        limit = begun + leave_limit(self._setup.config)
        fails = self._store_fails_since
        # Without the store nothing can be released: that is no reason to hold the machine up.
        return limit if fails is None else min(limit, max(begun, fails) + _STORE_PATIENCE)

    async def _feed_watchdog(self) -> None:
        seconds = self._setup.notify.watchdog
        while seconds is not None:
            self._setup.notify.alive()
            await asyncio.sleep(seconds / 3)

    # -- what the store says

    def store_fails(self, reason: str) -> None:
        """Tell it, and go on with what needs no store."""
        self._store_fails_since = clock.now()
        path = self._setup.where.root.store
        self._troubles.begin("The store", messages.because("pm500", path=path, reason=reason))

    def store_works(self, lost_lines: int) -> None:
        """Tell it."""
        self._store_fails_since = None
        path = self._setup.where.root.store
        self._troubles.end("The store", messages.because("pm501", path=path, lines=lost_lines))

    def store_set_aside(self, aside: Path, reason: str) -> None:
        """Tell it."""
        path = self._setup.where.root.store
        self._troubles.tell(messages.because("pm502", path=path, aside=aside, reason=reason))

    def store_died(self, error: BaseException) -> None:
        """End: an agent that can make nothing durable is of no use, the next one may be."""
        logger.error("the store's thread failed", exc_info=error)
        self._end(End.BUG)

    def _unrecorded(self, reason: str) -> None:
        path = self._setup.where.root.recording
        self._troubles.tell(messages.because("pm511", path=path, reason=reason))

    # -- what operators ask

    @property
    def refusal(self) -> Document | None:
        """Give why nothing can be answered yet, if so."""
        if self._member is not None:
            return None
        waits = "; ".join(map(messages.render, self._troubles.now.values()))
        return refusal(f"the agent is starting. {waits}".rstrip(), "ask again in a moment")

    @property
    def facts(self) -> Mapping[str, Callable[[], Document]]:
        """Give what makes the documents of the verbs that only tell."""
        return {
            "plugins": lambda: self._documents.plugins,
            "config": lambda: self._documents.config,
            "agent": self._agent_document,
        }

    def present(self) -> MakeStatus:
        """Give what makes the status document of this moment."""
        if self._member is None:
            raise RuntimeError("no state before the start")
        make, own = self._member.present(), self._trouble_documents()
        revisions = dict(self._steward.names)

        def whole() -> Status:
            status = make()
            troubles = [*status["troubles"], *own]
            return {**status, "troubles": troubles, "revisions": revisions}

        return whole

    def picture(self) -> Callable[[], Picture]:
        """Give what makes the picture of this moment that forecasts begin with."""
        if self._member is None:
            raise RuntimeError("no state before the start")
        return self._member.picture()

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        """Let the core decide."""
        if self._member is None:
            raise RuntimeError("no state before the start")
        return await self._member.ask(op, by, wait)

    # -- what the life of revisions needs

    @property
    def connected(self) -> frozenset[str]:
        """Give the servers with a session."""
        return self._member.connected if self._member else frozenset()

    @property
    def cohorts(self) -> Mapping[str, tuple[str, ...]]:
        """Give, by group, the servers without whose word nobody may take it."""
        return self._member.cohorts if self._member else {}

    def send(self, to: str, word: Dispatch) -> None:
        """Send to a server of the configuration."""
        if self._member is not None:
            self._member.send(to, word)

    def status(self) -> Status:
        """Give the status document of this moment."""
        return self.present()()

    def again(self) -> None:
        """Start again in place, unless this server is just leaving."""
        if self._leaving_since is not None or self._member is None:
            return
        if self._member.phase in {Phase.LEAVING, Phase.DYING}:
            asyncio.get_running_loop().call_later(_LEFT_YET, self.again)
        else:
            self._end(End.AGAIN)

    async def settled(self) -> None:
        """Wait until every line of the journal written so far can be read."""
        await self._ledger.settled()

    def _say(self, because: Because) -> None:
        """Write a sentence of an operator down."""
        self._ledger.say(because)

    def _written(self, lines: tuple[Line, ...]) -> None:
        """Tell those who follow the journal of new lines, and count them."""
        self._verbs.followers.tell(lines)
        self._setup.tally.lines(lines)

    def _metrics_facts(self) -> Facts:
        member = self._member
        return Facts(
            config=self._setup.config,
            server=self._setup.where.server,
            status=self.present() if member else None,
            agent=self._agent_document(),
            tally=self._setup.tally.taken(),
        )

    def _trouble_documents(self) -> list[Status]:
        return [messages.plain(reason) for reason in self._troubles.now.values()]

    def _agent_document(self) -> Document:
        member = self._member
        incarnation = member.incarnation if member else None
        return {
            "pid": os.getpid(),
            "version": VERSION,
            "python": sys.version.split()[0],
            "server": self._setup.where.server,
            "boot": incarnation.boot.counter if incarnation else None,
            "boot_id": incarnation.boot.id if incarnation else None,
            "start": incarnation.start if incarnation else None,
            "power": self._setup.power.name,
            "shield": dict(self._documents.shield),
            "watchdog": self._feeder.state,
            "troubles": self._trouble_documents(),
            **(member.document if member else {}),
        }
