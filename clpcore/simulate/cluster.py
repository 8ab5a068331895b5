"""The cluster: a virtual clock, servers that run the real ``decide``, and what can befall them."""

from __future__ import annotations

import functools
import heapq
import random
from collections.abc import Callable

from clpcore import decide
from clpcore.model import inputs as given
from clpcore.model.actions import (
    Action,
    Activate,
    Answer,
    Deactivate,
    Driven,
    Kill,
    Left,
    RaiseBoot,
    Send,
    StopSelf,
)
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.inputs import Outcome
from clpcore.model.kept import Kept
from clpcore.model.peer import Letter
from clpcore.model.requests import Op, Request
from clpcore.model.state import Decision
from clpcore.model.states import FinalAction, Presence
from clpcore.simulate import drivers, invariants
from clpcore.simulate.drivers import Drivers
from clpcore.simulate.machine import Agent, Machine, MakeInput
from clpcore.simulate.network import Network
from clpcore.simulate.surroundings import Surroundings

WALL = 1_700_000_000_000  # the wall clock when virtual time begins
BEAT_GAP_MS = 10  # between a heartbeat out of turn and the one before it
REBOOT_MS = 20_000  # from a reboot's final action until the machine is on again

Make = functools.partial[given.HeardBeat] | functools.partial[given.GotLetter]
Watch = Callable[[int, str, object], None]  # virtual time, server, a Because, Action or text


class Cluster:
    """N servers in memory. Time is virtual milliseconds; chance comes from *seed* alone.

    Every step of every server is checked by ``invariants``; a broken one raises ``Violated``.
    """

    def __init__(self, config: ClusterConfig, *, seed: int = 0, watch: Watch | None = None) -> None:
        self.config = config
        self.now = 0
        self.network = Network(random.Random(seed))  # noqa: S311 - dice, no secret
        self.drivers = Drivers()
        self.surroundings = Surroundings(self)
        self.history = invariants.History()
        self.steps = 0
        self._watch = watch or (lambda _now, _server, _what: None)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._requests = 0
        keys = [(g.name, r.name) for g in config.groups for r in g.resources]
        self.machines = {
            name: Machine(name, truth=dict.fromkeys(keys, Presence.INACTIVE))
            for name in config.server_names
        }

    # -- time

    def run(self, ms: int) -> None:
        """Let *ms* pass."""
        end = self.now + ms
        while self._queue and self._queue[0][0] <= end:
            self.now, _, happen = heapq.heappop(self._queue)
            happen()
        self.now = end

    def after(self, ms: int, happen: Callable[[], None]) -> None:
        """Let something happen in *ms*; what is due at the same time happens in this order."""
        self._count += 1
        heapq.heappush(self._queue, (self.now + ms, self._count, happen))

    # -- what befalls servers

    def boot(self, name: str) -> None:
        """Switch the machine on and start its agent."""
        machine = self.machines[name]
        if not machine.on:
            self._say(name, "is switched on")
            machine.switch_on(self.now)
            self.start_agent(name)

    def kill(self, name: str) -> None:
        """Cut the power."""
        machine = self.machines[name]
        if machine.on:
            self._say(name, "is switched off")
            machine.switch_off()

    def kill_agent(self, name: str, *, lose_journal: bool = False) -> None:
        """End the agent as SIGKILL does; its resources go on, calls in flight are given up."""
        machine = self.machines[name]
        machine.agent = None
        if lose_journal:
            machine.kept = machine.synced = Kept()
            machine.stored = None
            invariants.forget_lost_epochs(self, name)
            self.history.promised.pop(name, None)  # nothing of it is left that could keep it

    def start_agent(self, name: str) -> None:
        """Start the agent, if the machine is on and it does not run."""
        machine = self.machines[name]
        if not machine.on or machine.agent is not None:
            return
        incarnation = machine.begin_life()
        state = decide.start(
            self.config,
            name,
            incarnation,
            machine.kept,
            machine.run,
            now=self.now - machine.zero,
            wall=WALL + self.now + machine.wall,
        )
        machine.kept, machine.run = state.kept, state.run
        machine.agent = Agent(state)
        if machine.frozen_until > self.now:
            self.hang(name, machine.frozen_until - self.now)
        self._feed(machine, given.Tick)
        if machine.watched:
            self._feed(machine, given.Armed)
        self._beat(machine, incarnation)

    def pause(self, name: str, ms: int) -> None:
        """Freeze the machine for *ms*: its clock goes on, nothing on it runs."""
        machine = self.machines[name]
        due = machine.bites_at == machine.frozen_until + 1
        machine.frozen_until = max(machine.frozen_until, self.now + ms)
        if due:
            self._bite_at(machine, machine.frozen_until + 1)
        self.after(ms, lambda: machine.thaw(self.now))
        self.hang(name, ms)

    def hang(self, name: str, ms: int) -> None:
        """Stop the agent for *ms*; the rest of the machine goes on, the watchdog, too."""
        agent = self.machines[name].agent
        if agent is not None:
            agent.paused_until = agent.late_until = max(agent.paused_until, self.now + ms)
            self.after(ms, functools.partial(self._resume, self.machines[name], agent))

    def wake_up(self, name: str) -> None:
        """End a pause."""
        machine, agent = self.machines[name], self.machines[name].agent
        if machine.bites_at == machine.frozen_until + 1:
            self._bite_at(machine, self.now + 1)
        machine.frozen_until = self.now
        machine.thaw(self.now)
        if agent is not None and agent.paused_until > self.now:
            agent.paused_until = self.now
            self._resume(machine, agent)

    def end_process(self, group: str, resource: str, name: str) -> None:
        """Let the process that the resource keeps running end."""
        machine = self.machines[name]
        if machine.on and machine.truth[group, resource] is Presence.ACTIVE:
            machine.truth[group, resource] = Presence.INACTIVE
            make = functools.partial(
                given.ProcessEnded, group=group, resource=resource, process=resource, pid=4711
            )
            self._feed(machine, lambda now: make(now=now))

    def start_by_hand(self, group: str, resource: str, name: str) -> None:
        """Let somebody start the resource outside of the cluster."""
        machine = self.machines[name]
        machine.truth[group, resource] = Presence.ACTIVE
        machine.by_hand.add((group, resource))

    def ask(self, name: str, op: Op) -> None:
        """Let the operator ask on this server."""
        self._requests += 1
        request = Request(id=f"r{self._requests}", origin=name, by="root", op=op)
        self._feed(self.machines[name], lambda now: given.Asked(now, request))

    def feed(self, name: str, make: MakeInput) -> None:
        """Let the server take one input, made with its own clock."""
        self._feed(self.machines[name], make)

    # -- one step

    def _feed(self, machine: Machine, make: MakeInput) -> None:
        agent = machine.agent
        if agent is None:
            return
        if agent.paused_until > self.now:
            agent.backlog.append(make)
            return
        before, taken = agent.state, make(self.now - machine.zero)
        decision = decide.step(self.config, before, taken)
        self.steps += 1
        kept, run = machine.kept, machine.run
        machine.write(decision)
        agent.state = decision.state
        for sentence in decision.because:
            self._watch(self.now, machine.name, sentence)
        self._check(invariants.Moment(machine, before, taken, decision, kept, run))
        self._feed_watchdog(machine, agent)
        self._wake(machine, agent, decision)
        if decision.because:
            self._beat_soon(machine, agent)
        for action in decision.actions:
            if machine.agent is not agent or self._burns(machine):
                return
            self._act(machine, agent, action)

    def _check(self, moment: invariants.Moment) -> None:
        invariants.check(self, moment)

    def _wake(self, machine: Machine, agent: Agent, decision: Decision) -> None:
        """Tick exactly at wake_at, unless a later step says otherwise."""
        agent.wake = decision.wake_at
        if decision.wake_at is None:
            return
        due = decision.wake_at

        def tick() -> None:
            if machine.agent is agent and agent.wake == due:
                self._feed(machine, given.Tick)

        self.after(due + machine.zero - self.now, tick)

    def _feed_watchdog(self, machine: Machine, agent: Agent) -> None:
        """Feed as the runtime does: only while the core allows it (T2)."""
        arbiter = self.config.arbiter
        if arbiter is None or arbiter.lease == 0:
            return
        until = decide.feed_until(self.config, agent.state)
        if until is None:
            machine.bites_at = None
            return
        fed = min(self.now - machine.zero, until) + machine.zero
        bites_at = max(fed + arbiter.watchdog, machine.bites_at or 0)
        if bites_at != machine.bites_at:
            self._bite_at(machine, bites_at)

    def _bite_at(self, machine: Machine, at: int) -> None:
        machine.bites_at = at
        self.after(max(0, at - self.now), functools.partial(self._bite, machine, at))

    def _bite(self, machine: Machine, at: int) -> None:
        """Reset the machine if its watchdog was not fed in time; a frozen one does not count."""
        if not machine.on or machine.bites_at != at:
            return
        if machine.frozen_until > self.now:
            self._bite_at(machine, machine.frozen_until + 1)
            return
        self._say(machine.name, "is reset by its watchdog")
        self.kill(machine.name)
        self.after(REBOOT_MS, functools.partial(self.boot, machine.name))

    def _burns(self, machine: Machine) -> bool:
        """Tell whether the machine dies before its next action."""
        if machine.fuse is None:
            return False
        machine.fuse -= 1
        if machine.fuse >= 0:
            return False
        if machine.fused:
            self.kill(machine.name)
        else:
            machine.fuse, machine.fused = None, True
            self.kill_agent(machine.name)
        return True

    def _resume(self, machine: Machine, agent: Agent) -> None:
        if machine.agent is not agent or agent.paused_until > self.now:
            return
        backlog, agent.backlog = agent.backlog, []
        for make in (*backlog, given.Tick):
            if machine.agent is agent:
                self._feed(machine, make)

    def _beat(self, machine: Machine, incarnation: Incarnation) -> None:
        agent = machine.agent
        if agent is None or agent.state.incarnation != incarnation:
            return
        if agent.paused_until <= self.now:
            self._send_beat(machine, agent)
            self._feed(machine, given.Tick)
        interval = self.config.heartbeat_interval
        self.after(interval, functools.partial(self._beat, machine, incarnation))

    def _beat_soon(self, machine: Machine, agent: Agent) -> None:
        """Beat once out of turn, as the runtime does when a decision says something."""

        def beat() -> None:
            agent.beats_soon = False
            if machine.agent is agent and agent.paused_until <= self.now:
                self._send_beat(machine, agent)

        if not agent.beats_soon:
            agent.beats_soon = True
            self.after(max(0, agent.last_beat + BEAT_GAP_MS - self.now), beat)

    def _send_beat(self, machine: Machine, agent: Agent) -> None:
        agent.last_beat = self.now
        body = decide.beat(self.config, agent.state)
        for link in self.config.heartbeats:
            make = functools.partial(
                given.HeardBeat,
                sender=machine.name,
                incarnation=agent.state.incarnation,
                link=link.name,
                beat=body,
            )
            for other in self.config.server_names:
                if other != machine.name:
                    self._carry(machine.name, other, make)

    def _carry(self, sender: str, to: str, make: Make, *, letter: bool = False) -> None:
        for time in self.network.copies(sender, to, letter=letter):
            self.after(time, functools.partial(self._arrive, sender, to, make))

    def _arrive(self, sender: str, to: str, make: Make) -> None:
        if (sender, to) not in self.network.cuts:
            self._feed(self.machines[to], lambda now: make(now=now))

    # -- actions

    def _act(self, machine: Machine, agent: Agent, action: Action) -> None:
        match action:
            case Send(to=to, letter=letter):
                self._post(machine, agent, to, letter)
            case StopSelf(how=how):
                self._watch(self.now, machine.name, action)
                self._power(machine, how)
            case Left(stay=stay):
                if not stay:
                    self._say(machine.name, "ends its agent")
                    machine.agent = None
            case Kill(group=group):
                machine.kill_group(group)
            case RaiseBoot():
                self.after(0, functools.partial(self._start_again, machine, agent))
            case Answer():
                self._watch(self.now, machine.name, action)
            case _:
                self._call(machine, agent, action)

    def _start_again(self, machine: Machine, agent: Agent) -> None:
        if machine.agent is agent:
            machine.agent = None
            self.start_agent(machine.name)

    def _post(self, machine: Machine, agent: Agent, to: str, letter: Letter) -> None:
        make = functools.partial(
            given.GotLetter,
            sender=machine.name,
            incarnation=agent.state.incarnation,
            letter=letter,
        )
        self._carry(machine.name, to, make, letter=True)

    def _power(self, machine: Machine, how: FinalAction) -> None:
        self.kill(machine.name)
        if how is not FinalAction.SHUTDOWN:
            self.after(REBOOT_MS, functools.partial(self.boot, machine.name))

    def _call(self, machine: Machine, agent: Agent, action: Driven) -> None:
        key = (action.call.group, action.call.resource)
        agent.calls[action.id] = action
        answer = functools.partial(self._answer, machine, agent, action)
        if self.surroundings.ask(machine.name, action, answer):
            return
        if isinstance(action, Activate) and machine.truth[key] is not Presence.ACTIVE:
            machine.truth[key] = Presence.BROKEN  # from now on it may be running
        rule, time = self.drivers.begin(machine.name, action)

        def done() -> None:
            if machine.frozen_until > self.now and isinstance(action, Activate | Deactivate):
                machine.thaws.append(done)
            elif machine.agent is agent and action.id in agent.calls:
                outcome = drivers.end(machine, action, rule)
                if rule is None or rule.how != drivers.LOSE:
                    self._answer(machine, agent, action, outcome)
                else:
                    del agent.calls[action.id]

        self.after(time, done)

    def _answer(self, machine: Machine, agent: Agent, action: Driven, outcome: Outcome) -> None:
        """Tell the core how a call ended, if the agent that made it still waits for that."""
        if machine.agent is agent and agent.calls.pop(action.id, None) is not None:
            make = functools.partial(given.Done, action=action.id, outcome=outcome)
            self._feed(machine, lambda now: make(now=now))

    def _say(self, name: str, text: str) -> None:
        self._watch(self.now, name, text)
