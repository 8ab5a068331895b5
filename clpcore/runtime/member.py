"""This server as a member of its cluster, from its first packet to its last."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

import attrs

from clpcore import api, messages
from clpcore.decide import picture
from clpcore.model.actions import Answer, Call
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Armed, Asked, GotLetter, HeardBeat, Input, Leave, ProcessEnded
from clpcore.model.members import Heartbeat
from clpcore.model.peer import Beat
from clpcore.model.picture import Picture
from clpcore.model.requests import Op, Request
from clpcore.model.revisions import Dispatch
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Event, Phase, Role
from clpcore.runtime import clock
from clpcore.runtime.deeds import Deeds, Drivers, End, Helpers
from clpcore.runtime.driving.kept import Watch
from clpcore.runtime.links.driven import DrivenPath
from clpcore.runtime.links.network import Network
from clpcore.runtime.links.newest import Newest
from clpcore.runtime.links.sessions import Credentials
from clpcore.runtime.metrics.tally import Tally
from clpcore.runtime.notify import Notify
from clpcore.runtime.operators.watching import MakeStatus
from clpcore.runtime.places import Whereabouts
from clpcore.runtime.power import Power
from clpcore.runtime.pulse import Pulse
from clpcore.runtime.revisions.archive import Filed
from clpcore.runtime.store.gate import Gate
from clpcore.runtime.store.ledger import Begun, Ledger
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.turns import Core, Turns
from clpcore.runtime.watchdog import Watchdog
from clpcore.runtime.workers.paths import Receive
from clpcore.wire import keys
from clpcore.wire.hello import Identity

logger = logging.getLogger(__name__)

_FAREWELL: Final = 1.0  # seconds for the last letters to arrive
_BUG_LINES: Final = 10_000  # ms between two journal lines about a core that raises
_SHORT: Final = 500  # characters that are shown of what may hold a letter of some MiB


@attrs.frozen(kw_only=True)
class Setup:
    """What is known before the loop runs."""

    where: Whereabouts
    config: ClusterConfig
    committed: Filed  # what *config* is
    edited: str  # how the working copy differs from it, empty: not at all
    ring: keys.KeyRing
    core: Core
    drivers: Drivers
    power: Power
    notify: Notify
    watchdog: Watchdog
    tally: Tally = attrs.field(factory=Tally)


class Courier(Protocol):
    """Who hears what agents say to each other about the configuration."""

    @property
    def committed(self) -> str:
        """Give the name of the revision that this server has committed."""
        ...

    def heard(self, sender: str, name: str) -> None:
        """Hear which revision *sender* has committed."""
        ...

    def take(self, sender: str, word: Dispatch) -> None:
        """Take what *sender* says."""
        ...


class Member:
    """Turns inputs into decisions, and decisions into what is durable, then into deeds."""

    def __init__(
        self,
        setup: Setup,
        begun: Begun,
        ledger: Ledger,
        troubles: Troubles,
        courier: Courier,
        *,
        changed: Callable[[], None],
        end: Callable[[End], None],
        starve: Callable[[int], None],
    ) -> None:
        """Take up the life that has *begun*; *changed* hears of every new state."""
        self._setup = setup
        self._config = setup.config
        self._ledger = ledger
        self._troubles = troubles
        self._courier = courier
        self._changed = changed
        self.incarnation = begun.life.incarnation
        self._me = Identity(setup.where.server, self.incarnation)
        self._network = self._make_network(begun)
        self._deeds = self._make_deeds(end, starve)
        self._gate = Gate(self._deeds.perform, self._announce)
        self._durable = self._first_state(begun)  # what others may know of
        self._turns = Turns(setup.core, setup.config, self._durable, self)
        self._pulse = Pulse(setup.config.heartbeat_interval, self._each_interval, self._beat)
        self._watch = Watch(self._process_ended)
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._asked = 0
        self._started = self._watched = False
        self._last_beat: Beat | None = None
        self._bug_told_at = -_BUG_LINES

    def _make_network(self, begun: Begun) -> Network:
        credentials = Credentials(me=self._me, ring=self._setup.ring, cluster=self._config.name)
        others = [name for name in self._config.server_names if name != self._me.server]
        newest = Newest.opened(self._setup.where.root.newest, others)
        network = Network(
            self._config,
            credentials,
            self._troubles,
            newest,
            self._hear,
            self._courier.take,
            self._open_path,
        )
        network.remember(begun.run.boots)
        return network

    async def _open_path(self, heartbeat: Heartbeat, receive: Receive) -> DrivenPath:
        """Let the plugin of a heartbeat open its path."""
        me = self._me.server
        others = tuple(name for name in self._config.server_names if name != me)
        call = Call(
            event=Event.START,
            role=Role.ACTIVE,
            epoch=0,
            server=me,
            home="",
            previous="",
            group="",
            resource="",
            entry=heartbeat.name,
        )
        return await self._setup.drivers.open_path(heartbeat, call, others, receive)

    def _make_deeds(self, end: Callable[[End], None], starve: Callable[[int], None]) -> Deeds:
        helpers = Helpers(
            drivers=self._setup.drivers,
            post=self._network,
            power=self._setup.power,
            troubles=self._troubles,
            feed=self.feed,
            answer=self._answer,
            end=end,
            starve=starve,
        )
        return Deeds(self._me.server, self._config, helpers)

    def _first_state(self, begun: Begun) -> ClusterState:
        return self._setup.core.start(
            self._config,
            self._me.server,
            self.incarnation,
            begun.kept,
            begun.run,
            now=clock.now(),
            wall=clock.wall(),
        )

    # -- from the first packet to the last

    def start(self) -> None:
        """Listen, beat and tick."""
        self._setup.drivers.on_kept(self._watch.see)
        self._watch.adopt(self._setup.where.root.run)
        self._network.open()
        self._pulse.start()
        if self._watched:
            self.feed(Armed(clock.now()))
        self._started = True

    def armed(self) -> None:
        """Tell the core that the watchdog is armed, now or as soon as it runs."""
        self._watched = True
        if self._started:
            self.feed(Armed(clock.now()))

    def feed(self, taken: Input) -> None:
        """Let the core take an input."""
        self._turns.feed(taken)

    def _hear(self, taken: HeardBeat | GotLetter) -> None:
        if isinstance(taken, HeardBeat):
            self._courier.heard(taken.sender, taken.beat.revision)
        self.feed(taken)

    @property
    def connected(self) -> frozenset[str]:
        """Give the servers with a session."""
        return self._network.connected

    def feed_until(self) -> int | None:
        """Give until when the watchdog may be fed; any thread may ask: states are values."""
        return self._setup.core.feed_until(self._config, self._turns.state)

    @property
    def cohorts(self) -> dict[str, tuple[str, ...]]:
        """Give the cohort of each group's record."""
        return {name: record.cohort for name, record in self._turns.state.kept.records.items()}

    @property
    def phase(self) -> Phase:
        """Give how far this server is in its life in the cluster."""
        return self._turns.state.phase

    def send(self, to: str, word: Dispatch) -> None:
        """Say something that is not the core's."""
        self._network.send(to, word)

    def leave(self) -> None:
        """Begin to leave cleanly."""
        self.feed(Leave(clock.now()))

    async def close(self) -> None:
        """Let the last letters arrive, then fall silent."""
        self._turns.stop()
        self._pulse.stop()
        self._gate.close()
        self._deeds.close()
        self._watch.close()
        await self._network.finish(_FAREWELL)

    # -- for operators

    @property
    def document(self) -> dict[str, Any]:
        """Give how the member fares, for people."""
        return {
            "lateness": self._pulse.lateness.document,
            "network": self._network.status,
            "turns": self._turns.count,
            "turns_raised": self._turns.raised,
            "actions_waiting_for_store": self._gate.waiting,
        }

    def present(self) -> MakeStatus:
        """Give what makes the status document of this moment; any thread may: states are values."""
        return functools.partial(self._setup.core.snapshot, self._config, self._turns.state)

    def picture(self) -> Callable[[], Picture]:
        """Give what makes the picture that forecasts begin with, with times measured here."""
        took = self._setup.tally.took()
        return functools.partial(picture.picture, self._config, self._turns.state, took)

    async def ask(self, op: Op, by: str, wait: int) -> Answer | str:
        """Let the core decide on an operation; see ``verbs.Agent``."""
        self._asked += 1
        start = self.incarnation
        ident = f"{self._me.server}-{start.boot.counter}.{start.start}-{self._asked}"
        answer = self._answers[ident] = asyncio.get_running_loop().create_future()
        request = Request(id=ident, origin=self._me.server, by=by, op=op)
        try:
            self.feed(Asked(clock.now(), request))
            await asyncio.wait([answer], timeout=wait / 1_000)
            return answer.result() if answer.done() else ident
        finally:
            del self._answers[ident]

    def _answer(self, answer: Answer) -> None:
        waiting = self._answers.get(answer.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    # -- called by the turns

    def decided(self, taken: Input, old: ClusterState, decision: Decision) -> None:
        """Make it durable, then do it."""
        durable = self._ledger.write(taken, old, decision)
        if durable is not None:
            self._setup.tally.time_commit(durable)
        self._gate.put(decision, durable)
        if decision.state is not old:
            self._changed()

    def _announce(self, decision: Decision) -> None:
        """Let heartbeats tell of a decision: a restarted agent would know of it too."""
        self._durable = decision.state
        if decision.because:
            self._pulse.soon()

    def undecided(self, taken: Input, error: Exception) -> None:
        """Tell that the core raised: loudly once, and every now and then."""
        now = clock.now()
        if now - self._bug_told_at >= _BUG_LINES:
            self._bug_told_at = now
            logger.error("the core failed on %s", _short(taken), exc_info=error)
            self._ledger.bug(taken, _short(error))
        self._tell_bug(type(taken).__name__, error)

    def before_tick(self) -> None:
        """Hear what waits, so that a pause of ours is not the silence of others."""
        self._network.drain()

    def _tell_bug(self, where: str, error: Exception) -> None:
        reason = messages.because("pm506", input=where, error=_short(error))
        self._troubles.begin(f"the core on {where}", reason)

    # -- called by the world

    def _beat(self) -> None:
        try:
            beat = self._make_beat()
        except Exception as error:
            self._tell_bug("a heartbeat", error)
            if self._last_beat is None:
                raise
            beat = self._last_beat  # the others must not believe us dead
        if self._last_beat is None or beat.phase is not self._last_beat.phase:
            self._setup.notify.status(beat.phase.value)
        self._last_beat = beat
        self._network.beat(beat)

    def _make_beat(self) -> Beat:
        """Give what is durable of us, and whom we hear now: that is seen, not decided."""
        known = self._setup.core.beat(self._config, self._durable)
        beat = attrs.evolve(known, revision=self._courier.committed)
        if self._turns.state is self._durable:
            return beat
        newest = self._setup.core.beat(self._config, self._turns.state)
        return attrs.evolve(beat, hears=newest.hears)

    def _each_interval(self) -> None:
        """Beat, then tick: one wake-up for both."""
        try:
            self._beat()
        finally:
            self._turns.tick()

    def _process_ended(self, group: str, resource: str, process: api.Process) -> None:
        self.feed(
            ProcessEnded(
                now=clock.now(),
                group=group,
                resource=resource,
                process=process.name,
                pid=process.pid,
            )
        )


def _short(value: object) -> str:
    return repr(value)[:_SHORT]
