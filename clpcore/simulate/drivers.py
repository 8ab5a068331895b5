"""Scripted drivers: all goes well, as fast as *times* says, until a rule says otherwise."""

from __future__ import annotations

import attrs

from clpcore.model.actions import Activate, Deactivate, Driven, Hook, Observe, Probe, Rest
from clpcore.model.inputs import Observation, Outcome
from clpcore.model.states import Health, Presence, Role, Verdict
from clpcore.simulate.machine import Machine

STALL, RAISE, LOSE, REFUSE = "stalls", "raises", "vanishes", "refuses"
_HEALTH = {"errors": Health.ERROR, "warns": Health.WARNING, "works": Health.NORMAL}


@attrs.define
class Rule:
    """How a resource's or monitor's call *verb* ends on *server*, the next *times* times."""

    name: str
    server: str
    verb: str
    how: str
    text: str
    times: int | None = None


@attrs.define(eq=False)
class Drivers:
    """The drivers of every server. *times*: milliseconds that a call takes, by verb."""

    times: dict[str, int] = attrs.field(
        factory=lambda: {
            "probe": 5,
            "activate": 100,
            "deactivate": 50,
            "observe": 5,
            "rest": 20,
            "hook": 20,
            "ask": 5,
            "check": 5,
            "fence": 300,
            "arbitrate": 5,
        }
    )
    rules: list[Rule] = attrs.field(factory=list)

    def tell(self, rule: Rule) -> None:
        """Replace what was said of the same call before."""
        self.rules = [
            old
            for old in self.rules
            if (old.name, old.server, old.verb) != (rule.name, rule.server, rule.verb)
        ]
        self.rules.append(rule)

    def begin(self, server: str, action: Driven) -> tuple[Rule | None, int]:
        """Give the rule for a call that begins now, and how many milliseconds it takes."""
        verb = type(action).__name__.lower()
        name = action.call.monitor or action.call.resource
        rule = self.rule(name, server, verb)
        return rule, action.timeout if rule and rule.how == STALL else self.times[verb]

    def rule(self, name: str, server: str, verb: str) -> Rule | None:
        """Give the rule that holds for a call that begins now."""
        for rule in self.rules:
            if (rule.name, rule.server, rule.verb) != (name, server, verb) or rule.times == 0:
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None


def end(machine: Machine, action: Driven, rule: Rule | None) -> Outcome:
    """End a call under its rule: change what is true, give what the driver says of it."""
    truth = machine.truth.get((action.call.group, action.call.resource), Presence.ACTIVE)
    if rule is None or rule.how in ("works", LOSE):
        return _well(machine, action, rule)
    if rule.how == STALL:
        return Outcome(verdict=Verdict.STALLED, detail=rule.text)
    if rule.how == REFUSE:
        return Outcome(verdict=Verdict.MISCONFIGURED, detail=rule.text)
    if rule.how in _HEALTH and isinstance(action, Observe):
        return Outcome(verdict=Verdict.OK, observation=Observation(_HEALTH[rule.how], rule.text))
    if rule.how == "lies" and isinstance(action, Probe):
        lie = Presence.INACTIVE if truth is Presence.ACTIVE else Presence.ACTIVE
        return Outcome(verdict=Verdict.OK, presence=lie)
    return Outcome(verdict=Verdict.FAILED, detail=rule.text)


def _well(machine: Machine, action: Driven, rule: Rule | None) -> Outcome:
    key, fine = (action.call.group, action.call.resource), Outcome(verdict=Verdict.OK)
    match action:
        case Probe():
            return attrs.evolve(fine, presence=machine.truth[key])
        case Activate():
            machine.now_is(key, Presence.ACTIVE)
            return fine
        case Deactivate():
            machine.now_is(key, Presence.INACTIVE)
            return fine
        case Hook() | Rest():
            return fine
        case Observe():
            look = _look(action, machine.truth.get(key, Presence.ACTIVE))
            seen = Observation(Health.NORMAL, rule.text) if rule else look
            return attrs.evolve(fine, observation=seen)
        case _:
            raise TypeError(action)


def _look(action: Observe, truth: Presence) -> Observation:
    if action.call.role is Role.ACTIVE and truth is not Presence.ACTIVE:
        return Observation(Health.ERROR, "the process has ended", certain=True)
    if action.call.role is Role.STANDBY and truth is not Presence.INACTIVE:
        return Observation(Health.ERROR, "it runs, and must not")
    return Observation(Health.NORMAL)
