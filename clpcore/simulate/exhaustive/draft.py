"""What befalls a world: a draft of the next one, in which the real ``decide`` takes its inputs."""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import decide
from clpcore.model import arbitration
from clpcore.model import inputs as given
from clpcore.model.actions import (
    Action,
    Activate,
    Answer,
    Arbitrate,
    AskNp,
    CanFence,
    Deactivate,
    Driven,
    Fence,
    Kill,
    Left,
    Probe,
    RaiseBoot,
    Send,
    StopSelf,
)
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Observation, Outcome
from clpcore.model.kept import BootKept
from clpcore.model.peer import Beat, Bye
from clpcore.model.reasons import Because
from clpcore.model.requests import Op, Request
from clpcore.model.state import Decision
from clpcore.model.states import Answer as Reached
from clpcore.model.states import Health, Power, Presence, Verdict
from clpcore.simulate.arbiter import Arbiter
from clpcore.simulate.exhaustive import checks
from clpcore.simulate.exhaustive.canonical import PAST_MS
from clpcore.simulate.exhaustive.world import Blow, Item, Life, Mail, Pending, Server, World

FINE: Final = Outcome(verdict=Verdict.OK)
STALLED: Final = Outcome(verdict=Verdict.STALLED, detail="no answer in time")
FAILED: Final = Outcome(verdict=Verdict.FAILED, detail="it failed")
_ACCEPTED: Final = Outcome(verdict=Verdict.OK, power=Power.UNKNOWN, detail="accepted")


class Draft:
    """A world that is being changed. *because* gathers what the servers said on the way."""

    def __init__(self, config: ClusterConfig, world: World) -> None:
        self.config = config
        self.now = world.now
        self.beat_at = world.beat_at
        self.servers = {each.name: each for each in world.servers}
        self.flight = list(world.flight)
        self.held = list(world.held)
        self.cuts = world.cuts
        self.records = world.records
        self.leases = world.leases
        self.served = dict(world.served)
        self.asked = world.asked
        self.because: list[tuple[str, Because]] = []

    def world(self) -> World:
        """Give it as a value."""
        return World(
            now=self.now,
            beat_at=self.beat_at,
            servers=tuple(self.servers.values()),
            flight=tuple(self.flight),
            held=tuple(self.held),
            cuts=self.cuts,
            records=self.records,
            leases=self.leases,
            served=self.served,
            asked=self.asked,
        )

    def change(self, name: str, **changes: object) -> Server:
        """Change one server; give it as it is now."""
        server = attrs.evolve(self.servers[name], **changes, shape=None)  # type: ignore[arg-type]
        self.servers[name] = server
        return server

    # -- machines and agents

    def switch_off(self, name: str) -> None:
        """End everything on a machine, with what its /run holds."""
        self.change(name, on=False, run=BootKept(), up=frozenset(), bites_at=None)
        self.end_agent(name)

    def end_agent(self, name: str) -> None:
        """End an agent: its calls go with it; what was asked of the arbiter may still come."""
        self.change(name, state=None, hung_until=None, frozen=False, hung_at=None)
        self.flight = [i for i in self.flight if not (isinstance(i, Pending) and i.server == name)]
        self.held = [i for i in self.held if not _ends_with(i, name)]

    def start_agent(self, name: str) -> None:
        """Start the agent, of a new boot if the machine was off."""
        server = self.servers[name]
        life, new = server.life, not server.on or server.life.over
        boot = Boot(life.boot.counter + 1, f"{name}-{life.boot.counter + 1}")
        life = Life(boot, 1) if new else Life(life.boot, life.start + 1)
        run = BootKept(left=server.run.left) if new else server.run
        incarnation = Incarnation(life.boot, life.start)
        state = decide.start(
            self.config, name, incarnation, server.kept, run, now=self.now, wall=self.now
        )
        self.change(name, on=True, life=life, kept=state.kept, run=state.run, state=state)
        self.feed(name, given.Tick(self.now))
        self.feed(name, given.Armed(self.now))
        self.beat(name)

    def _start_above(self, name: str, counter: int) -> None:
        """Begin a new life: an operator starts what had left, on the same boot."""
        boot = self.servers[name].life.boot
        boot = Boot(max(boot.counter, counter), boot.id)
        self.change(name, life=Life(boot, 1, over=True))
        self.end_agent(name)
        self.start_agent(name)

    def hang(self, name: str, limit: int, *, frozen: bool) -> None:
        """Let an agent, or the whole machine if *frozen*, do nothing for at most *limit* ms."""
        self.change(name, hung_until=self.now + limit, hung_at=self.now, frozen=frozen)

    def go_on(self, name: str) -> None:
        """End that; a frozen machine's watchdog has counted none of it."""
        server = self.servers[name]
        bites_at = server.bites_at
        if server.frozen and bites_at is not None and server.hung_at is not None:
            bites_at += self.now - server.hung_at
        self.change(name, hung_until=None, hung_at=None, frozen=False, bites_at=bites_at)
        self.feed(name, given.Tick(self.now))

    # -- one step of a server

    def feed(self, name: str, taken: given.Input) -> None:
        """Let a server take one input, and begin what it asks for.

        Raises:
            checks.Violated: a rule is broken.

        """
        server = self.servers[name]
        if server.state is None:
            return
        decision = decide.step(self.config, server.state, taken)
        checks.step(self.config, self.servers, self.served, name, decision)
        checks.token_first(self.config, self.records, name, decision)
        self.because += ((name, each) for each in decision.because)
        state = decision.state
        server = self.change(
            name,
            state=state,
            kept=state.kept,
            run=state.run,
            life=_life_after(server.life, decision),
            bites_at=self._bites_at(server, decision),
        )
        checks.covered(self.config, self.servers, self.records, name)
        for action in decision.actions:
            if self.servers[name].state is None:
                return
            self._act(name, state.incarnation, action)
        if decision.because:
            self.beat(name)

    def _bites_at(self, server: Server, decision: Decision) -> int | None:
        """Give when the watchdog bites; it is fed as the runtime does it."""
        until = decide.feed_until(self.config, decision.state)
        if until is None or self.config.arbiter is None:
            return None
        return max(min(self.now, until) + self.config.arbiter.watchdog, server.bites_at or 0)

    def beat(self, name: str) -> None:
        """Send a heartbeat to everybody; of two on their way, the newer one is enough."""
        state = self.servers[name].state
        if state is None:
            return
        self.flight = [i for i in self.flight if not (_is_beat(i) and i.sender == name)]  # type: ignore[union-attr]
        body = decide.beat(self.config, state)
        for other in self.servers:
            if other != name:
                self._post(name, state.incarnation, other, body)

    def _post(self, name: str, incarnation: Incarnation, to: str, letter: object) -> None:
        until = self.now + PAST_MS
        mail = Mail(sender=name, incarnation=incarnation, to=to, letter=letter, until=until)  # type: ignore[arg-type]
        if not any(isinstance(i, Mail) and _same(i, mail) for i in self.flight):
            self.flight.append(mail)

    def _act(self, name: str, incarnation: Incarnation, action: Action) -> None:
        match action:
            case Send(to=to, letter=letter):
                if to in self.servers:
                    self._post(name, incarnation, to, letter)
            case StopSelf():
                self.switch_off(name)
            case Left(stay=False):
                self.change(name, run=BootKept())
                self.end_agent(name)
            case RaiseBoot(counter=counter):
                self._start_above(name, counter)
            case Kill(group=group):
                self._kill(name, group)
            case Left() | Answer():
                pass
            case _:
                self._call(name, incarnation, action)

    def _kill(self, name: str, group: str) -> None:
        up = frozenset(key for key in self.servers[name].up if key[0] != group)
        self.change(name, up=up)
        self.flight = [i for i in self.flight if not _is_of(i, name, group)]
        self.held = [i for i in self.held if not _is_of(i, name, group)]

    def _call(self, name: str, incarnation: Incarnation, action: Driven) -> None:
        if isinstance(action, Activate):  # from now on it may be running
            key = (action.call.group, action.call.resource)
            self.change(name, up=self.servers[name].up | {key})
            checks.never_two(self.config, self.servers, action.call.group)
        until = self.now + action.timeout
        call = Pending(server=name, incarnation=incarnation, action=action, until=until)
        self.flight.append(call)

    # -- what is on its way

    def arrive(self, item: Item) -> None:
        """Let what was on its way come to its end, well."""
        match item:
            case Mail():
                self._deliver(item)
            case Pending():
                self._carry_out(item)
            case Blow(victim=victim):
                self.switch_off(victim)

    def _deliver(self, mail: Mail) -> None:
        server = self.servers[mail.to]
        if (mail.sender, mail.to) in self.cuts or server.state is None:
            return
        letter = mail.letter
        if isinstance(letter, Beat):
            taken: given.Input = given.HeardBeat(
                now=self.now,
                sender=mail.sender,
                incarnation=mail.incarnation,
                link=self.config.heartbeats[0].name,
                beat=letter,
            )
        else:
            taken = given.GotLetter(
                now=self.now, sender=mail.sender, incarnation=mail.incarnation, letter=letter
            )
        self.feed(mail.to, taken)

    def _carry_out(self, call: Pending) -> None:
        outcome = call.outcome or self.outcome(call)
        if outcome is None:
            self.held.append(attrs.evolve(call, lost=True, shape=None))
        else:
            self.answer(call, outcome)

    def answer(self, call: Pending, outcome: Outcome) -> None:
        """Tell the agent that called how it ended, if it is still there."""
        state = self.servers[call.server].state
        if state is not None and state.incarnation == call.incarnation:
            self.feed(call.server, given.Done(now=self.now, action=call.action.id, outcome=outcome))

    def outcome(self, call: Pending) -> Outcome | None:
        """Carry a call out; None: what it was about cannot be reached."""
        name, action = call.server, call.action
        if action.call.entry and (name, action.call.entry) in self.cuts:
            silent = attrs.evolve(FINE, answer=Reached.SILENT)
            return silent if isinstance(action, AskNp) else None
        key = (action.call.group, action.call.resource)
        match action:
            case Probe():
                up = key in self.servers[name].up
                return attrs.evolve(FINE, presence=Presence.ACTIVE if up else Presence.INACTIVE)
            case Activate():
                return FINE
            case Deactivate():
                self.change(name, up=self.servers[name].up - {key})
                return FINE
            case AskNp():
                return attrs.evolve(FINE, answer=Reached.ANSWERED)
            case CanFence():
                return attrs.evolve(FINE, observation=Observation(Health.NORMAL))
            case Fence(call=why):
                self.switch_off(why.victim)
                return attrs.evolve(FINE, power=Power.OFF)
            case Arbitrate(call=why, ask=question):
                return self._ask_arbiter(why.group, question)
            case _:
                raise TypeError(action)

    def accept(self, call: Pending) -> Outcome:
        """Take a forced stop for later."""
        self.held.append(Blow(victim=call.action.call.victim, until=self.now + PAST_MS))
        return _ACCEPTED

    def _ask_arbiter(self, group: str, question: arbitration.Question) -> Outcome:
        arbiter = Arbiter(records=dict(self.records), leases=dict(self.leases))
        outcome = arbiter.answer(self.now, group, question)
        self.leases = dict(sorted(arbiter.leases.items()))
        before, self.records = self.records, arbiter.records
        checks.record(before.get(group), self.records.get(group))
        return outcome

    # -- operators

    def ask(self, name: str, op: Op) -> None:
        """Let an operator ask on this server."""
        self.asked += 1
        request = Request(id=f"r{self.asked}", origin=name, by="root", op=op)
        self.feed(name, given.Asked(self.now, request))


def _same(one: Mail, other: Mail) -> bool:
    """Tell whether a letter is asked for twice before it has come once."""
    where = (one.sender, one.to, one.incarnation) == (other.sender, other.to, other.incarnation)
    return where and one.letter == other.letter


def _is_beat(item: Item) -> bool:
    return isinstance(item, Mail) and isinstance(item.letter, Beat)


def _is_of(item: Item, name: str, group: str) -> bool:
    if not isinstance(item, Pending):
        return False
    call = item.action.call
    return item.server == name and call.group == group and call.resource != ""


def _ends_with(item: Item, name: str) -> bool:
    """Tell whether it ends with the agent that it belongs to; a request that is out does not."""
    if not isinstance(item, Pending) or item.server != name:
        return False
    return item.lost or item.outcome is not None or not isinstance(item.action, Arbitrate)


def _life_after(life: Life, decision: Decision) -> Life:
    """A good-bye ends a life: the next agent begins a new one."""
    over = any(
        isinstance(a, Left) or (isinstance(a, Send) and isinstance(a.letter, Bye))
        for a in decision.actions
    )
    return attrs.evolve(life, over=True) if over else life
