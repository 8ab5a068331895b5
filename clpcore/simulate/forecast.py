"""What would happen? A simulated cluster that begins with the live state, and the faults in it.

The decisions are the real ones. To be quick it leaves out what changes nothing: heartbeats that say
nothing new only note that they were heard, monitors that see nothing unusual do not look, and of
the groups only those are there that a fault can touch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import attrs

from clpcore import decide
from clpcore.model import arbitration
from clpcore.model import inputs as given
from clpcore.model.actions import Activate, Deactivate, Hook, Probe
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.ownership import Wanted
from clpcore.model.peer import Beat
from clpcore.model.picture import Picture
from clpcore.model.requests import GroupStart, GroupStop
from clpcore.model.state import ClusterState, Goal, PeerState
from clpcore.model.states import Phase, Presence
from clpcore.simulate import choice, cluster, opening
from clpcore.simulate.arbiter import Lease
from clpcore.simulate.invariants import Moment
from clpcore.simulate.machine import Agent, Machine
from clpcore.simulate.timed import TimedDrivers

START: Final = 10_000_000  # ms of every clock at which it begins
_LONGEST: Final = 6 * 3_600_000  # virtual ms after which nobody waits for an end any more
_MOMENT: Final = 100  # ms
_PULSES: Final = 8  # within a heartbeat timeout, where nothing asks for more


class Twice(NamedTuple):
    """A group that is activated while it runs elsewhere."""

    group: str
    server: str
    other: str
    ms: int


class Forecast(cluster.Cluster):
    """The cluster of *picture*, with the groups named *about*."""

    def __init__(self, picture: Picture, about: Iterable[str], watch: cluster.Watch) -> None:
        config = opening.reduced(picture, about)
        super().__init__(config, watch=watch)
        self.now = START
        self.drivers = self.timed = TimedDrivers(config, picture.took)
        self.timed.truth = self.machines
        self.twice: Twice | None = None  # the first that would
        self._said: dict[str, Beat] = {}
        self._prompt = False  # heartbeats out of turn matter: servers are joining
        self._lately = START
        self._populate(picture)
        self.after(0, self._pulse)

    def _populate(self, picture: Picture) -> None:
        states = opening.states(self.config, picture, START)
        for name, seen in picture.servers.items():
            machine = self.machines[name]
            if name not in states:
                continue  # silent or stopped already: it takes no part
            state = states[name]
            opening.furnish(machine, seen, state)
            machine.agent = Agent(state)
        if self.config.arbiter is not None:
            self._settle_arbiter(states)
        for name in states:
            self._feed(self.machines[name], given.Tick)

    def _settle_arbiter(self, states: Mapping[str, ClusterState]) -> None:
        arbiter, lease = self.surroundings.arbiter, self.config.arbiter
        for name, state in states.items():
            boot = state.incarnation.boot
            if lease is not None:
                arbiter.leases[name] = Lease(boot, START + lease.lease)
                arbiter.longest = lease.lease
            for group, record in state.kept.records.items():
                holder = arbitration.Holder(record.owner, record.boot, record.epoch)
                free = None if not record.owner else holder
                arbiter.records[group] = arbitration.Record(epoch=record.epoch, holder=free)

    # -- time

    def until_settled(self, soonest: int) -> None:
        """Run until all is well again, or nothing has happened for so long that nothing will.

        *soonest*: how many ms it takes at least until a fault shows.
        """
        begun = self._lately = self.now
        longest = choice.patience(self.config)
        while self.now - self._lately < longest and self.now - begun < _LONGEST:
            self.run(self.config.heartbeat_interval)
            if any(self._is_busy(machine) for machine in self.machines.values()):
                self._lately = self.now
            elif self.now - begun >= soonest and self._is_well():
                return

    def _is_well(self) -> bool:
        """Tell whether every group that is wanted is served, with a lease that was extended."""
        agents = [m.agent for m in self.machines.values() if m.agent is not None]
        held = {g for a in agents for g, local in a.state.groups.items() if self.serves(a, g)}
        wanted = {
            name
            for agent in agents
            for name, record in agent.state.kept.records.items()
            if record.wanted is Wanted.AUTO
        }
        fencing = any(agent.state.fences or agent.state.cut_off for agent in agents)
        return wanted <= held and not fencing and all(map(self._is_leased, agents))

    @staticmethod
    def serves(agent: Agent, group: str) -> bool:
        """Tell whether this agent's server serves *group*, with every resource of it up."""
        state = agent.state
        if group not in state.groups:
            return False
        names = [name for its, name in state.resources if its == group]
        up = all(state.resources[group, name].presence is Presence.ACTIVE for name in names)
        return state.groups[group].epoch != 0 and state.groups[group].goal is Goal.UP and up

    def _is_leased(self, agent: Agent) -> bool:
        arbiter = self.config.arbiter
        if arbiter is None or arbiter.lease == 0 or not agent.state.run.held:
            return True
        return agent.state.run.lease > START + arbiter.counted

    @staticmethod
    def _is_busy(machine: Machine) -> bool:
        """Tell whether a resource is on its way; looks and renewals go on for ever."""
        agent = machine.agent
        kinds = (Activate, Deactivate, Hook, Probe)
        return agent is not None and any(isinstance(each, kinds) for each in agent.calls.values())

    def _feed(self, machine: Machine, make: Callable[[int], given.Input]) -> None:
        agent = machine.agent
        before = agent.state if agent is not None else None
        super()._feed(machine, make)
        if agent is not None and before is not None and agent.state.groups is not before.groups:
            self._lately = self.now

    def _check(self, moment: Moment) -> None:
        """Look for the one thing that operators ask about: whether a group would run twice."""
        here = moment.machine.name
        for action in moment.decision.actions if self.twice is None else ():
            if isinstance(action, Activate):
                group = action.call.group
                serve = [m.name for m in self.machines.values() if m.serves(group)]
                for other in serve:
                    if other != here:
                        self.twice = Twice(group, here, other, self.now - START)

    def _feed_watchdog(self, machine: Machine, agent: Agent) -> None:
        """No agent hangs here: the watchdog bites where the core lets nobody feed it any more."""
        arbiter, until = self.config.arbiter, decide.feed_until(self.config, agent.state)
        bites_at = None
        if arbiter is not None and until is not None:
            bites_at = until + machine.zero + arbiter.watchdog
        if bites_at is not None and bites_at != machine.bites_at:
            bite = functools.partial(self._bite, machine, bites_at)
            self.after(max(0, bites_at - self.now), bite)
        machine.bites_at = bites_at

    # -- heartbeats

    def _beat_soon(self, machine: Machine, agent: Agent) -> None:
        """Beat out of turn only where that makes something happen sooner."""
        if self._prompt and not agent.beats_soon:
            agent.beats_soon = True
            self.after(_MOMENT, functools.partial(self._beat_now, machine, agent))

    def _beat_now(self, machine: Machine, agent: Agent) -> None:
        agent.beats_soon = False
        if machine.agent is agent:
            self._send_beat(machine, agent)

    def _beat(self, machine: Machine, incarnation: Incarnation) -> None:
        """Leave it to the pulse."""

    def _pulse(self) -> None:
        """Let every server hear every other; each ticks when it wanted to be woken."""
        alive = [m for m in self.machines.values() if m.agent is not None and m.on]
        quiet = [machine.name for machine in alive if self._says_nothing_new(machine)]
        for machine in alive:
            self._hear(machine, quiet)
            self._renew(machine)
        for machine in alive:
            if machine.agent is not None and machine.name not in quiet:
                self._send_beat(machine, machine.agent)
        self.after(self._pulse_gap, self._pulse)

    @property
    def _pulse_gap(self) -> int:
        """Give the ms until the next one: NP resolution asks after the second lost heartbeat."""
        interval, arbiter = self.config.heartbeat_interval, self.config.arbiter
        longest = (
            interval
            if self.config.nps or self._prompt
            else self.config.heartbeat_timeout // _PULSES
        )
        return max(interval, min(longest, arbiter.renewal if arbiter else longest))

    def _renew(self, machine: Machine) -> None:
        """Note that the lease was renewed, as it is while the arbiter answers and nobody else."""
        arbiter, agent = self.config.arbiter, machine.agent
        if arbiter is None or agent is None or not self._answers(machine.name, arbiter.name):
            return
        state, now = agent.state, self.now - machine.zero
        known = self.surroundings.arbiter.leases.get(machine.name)
        if (
            known is None
            or known.boot != state.incarnation.boot
            or state.session.renewed_at is None
        ):
            return
        until = now + arbiter.counted if arbiter.lease else 0
        later = now + 2 * self._pulse_gap
        renewed = attrs.evolve(state.session, sent_at=now, renewed_at=now, next_at=later)
        run = attrs.evolve(state.run, lease=until)
        agent.state = attrs.evolve(state, session=renewed, run=run)
        self._feed_watchdog(machine, agent)
        self.surroundings.arbiter.leases[machine.name] = attrs.evolve(
            known, until=self.now + arbiter.lease
        )

    def _answers(self, server: str, name: str) -> bool:
        return not self.network.cuts & {(server, name), (name, server)}

    def renew_now(self) -> None:
        """Let every server ask the arbiter next, as one that cannot be reached is found out."""
        for machine in self.machines.values():
            if machine.agent is not None:
                state = machine.agent.state
                soon = attrs.evolve(state.session, next_at=state.now + 1)
                machine.agent.state = attrs.evolve(state, session=soon)
                self._feed(machine, given.Tick)

    def _says_nothing_new(self, machine: Machine) -> bool:
        """Tell whether its heartbeat is as the last one was, and everybody knows it already."""
        agent, name = machine.agent, machine.name
        if agent is None:
            return False
        body = decide.beat(self.config, agent.state)
        known, self._said[name] = self._said.get(name), body
        return body == known and all(
            other.agent is None
            or name not in other.agent.state.peers
            or other.agent.state.peers[name].state is PeerState.UP
            or (name, other.name) in self.network.cuts
            for other in self.machines.values()
        )

    def _hear(self, machine: Machine, senders: Iterable[str]) -> None:
        """Note that these were heard, as their heartbeats would, which say what is known."""
        agent = machine.agent
        if agent is None:
            return
        now, peers = self.now - machine.zero, dict(agent.state.peers)
        heard = {link.name: now for link in self.config.heartbeats}
        for name in senders:
            peer = peers.get(name)
            cut = (name, machine.name) in self.network.cuts
            if peer is not None and peer.state is PeerState.UP and not cut:
                peers[name] = attrs.evolve(peer, links=heard)
        agent.state = attrs.evolve(agent.state, peers=peers, now=now)

    # -- another configuration

    def apply(self, after: ClusterConfig, stop: Iterable[str], *, asked_at: str) -> None:
        """Stop the groups that must be, take *after*, and start those that are in it again."""
        stop = tuple(stop)
        for name in stop:
            self.ask(asked_at, GroupStop(name))
        self._run_while(lambda: any(self._runs(name) for name in stop))
        self._adopt(after)
        self._run_while(self._is_starting)
        for name in stop:
            if name in after.group_by_name:
                self.ask(asked_at, GroupStart(name))

    def _run_while(self, still: Callable[[], bool]) -> None:
        begun = self.now
        while still() and self.now - begun < _LONGEST:
            self.run(_MOMENT)

    def _is_starting(self) -> bool:
        """Tell whether a server is not online yet, or not heard by another one."""
        agents = {name: m.agent for name, m in self.machines.items() if m.agent is not None}
        return any(
            agent.state.phase is Phase.STARTING
            or any(not p.up and other in agents for other, p in agent.state.peers.items())
            for agent in agents.values()
        )

    def _runs(self, group: str) -> bool:
        agents = (machine.agent for machine in self.machines.values())
        return any(a is not None and a.state.groups[group].epoch for a in agents)

    def _adopt(self, after: ClusterConfig) -> None:
        """Let every agent start anew in its boot, with *after*."""
        self.config = after
        for name in after.server_names:
            self.machines.setdefault(name, Machine(name))
        keys = [(group.name, r.name) for group in after.groups for r in group.resources]
        for machine in self.machines.values():
            machine.truth = {key: machine.truth.get(key, Presence.INACTIVE) for key in keys}
            if machine.agent is not None:
                self.kill_agent(machine.name)
                self.start_agent(machine.name)
        self._said.clear()
        self._prompt = True
        self._lately = self.now


# -- what befalls it


def cut(forecast: Forecast, one: str, other: str) -> None:
    """Cut the path between two servers, or to something around them, in both directions."""
    forecast.network.cuts |= {(one, other), (other, one)}
    if forecast.config.arbiter is not None and forecast.config.arbiter.name in (one, other):
        forecast.renew_now()


def lose(forecast: Forecast, name: str) -> None:
    """Let NP resolution, a way of forced stop, or the arbiter answer nobody any more."""
    servers = forecast.config.server_names
    forecast.network.cuts |= {pair for s in servers for pair in ((s, name), (name, s))}
    if forecast.config.arbiter is not None and forecast.config.arbiter.name == name:
        forecast.renew_now()


def recorder(events: list[tuple[int, str, object]]) -> cluster.Watch:
    """Give what notes into *events* all that is said, with the ms since the beginning."""

    def note(now: int, server: str, what: object) -> None:
        events.append((now - START, server, what))

    return functools.partial(note)
