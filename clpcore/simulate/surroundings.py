"""What is around the servers: targets of NP resolution, the power of machines, an arbiter.

Each has a name, and the path to it can be cut like one between servers, also in one direction: then
what was asked for happens, and nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from clpcore.model import arbitration
from clpcore.model.actions import Arbitrate, AskNp, CanFence, Driven, Fence
from clpcore.model.inputs import Observation, Outcome
from clpcore.model.states import Answer, Health, Power, Verdict
from clpcore.simulate import rights
from clpcore.simulate.arbiter import Arbiter
from clpcore.simulate.drivers import STALL, Rule

if TYPE_CHECKING:
    from clpcore.simulate.cluster import Cluster

End = Callable[[Outcome], None]
_VERBS: Final = {AskNp: "ask", CanFence: "check", Fence: "fence", Arbitrate: "arbitrate"}
LATE_MS: Final = 3_000  # until a forced stop that was only accepted comes


class Surroundings:
    """The outside of a simulated cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.arbiter = Arbiter()
        self._cluster = cluster

    def ask(self, server: str, action: Driven, end: End) -> bool:
        """Begin what *action* asks of the surroundings; False if it is none of their business."""
        verb = _VERBS.get(type(action))
        if verb is None:
            return False
        rule = self._cluster.drivers.rule(action.call.entry, server, verb)
        if (server, action.call.entry) in self._cluster.network.cuts or _is(rule, STALL):
            self._cluster.after(action.timeout, lambda: end(_unheard(action)))
        else:
            self._go(server, action, rule, self._cluster.drivers.times[verb], end)
        return True

    def _go(self, server: str, action: Driven, rule: Rule | None, time: int, end: End) -> None:
        """Let it get there in half the *time*, and the answer come back in the other half."""
        cluster = self._cluster
        back = (action.call.entry, server)
        late = LATE_MS if isinstance(action, Arbitrate) and _is(rule, "late") else 0
        there = time - time // 2 + late

        def arrive() -> None:
            outcome = self._outcome(action, rule)
            if outcome.answer is Answer.ANSWERED:
                cluster.history.np_answered[server] = cluster.now
            if there + time // 2 <= action.timeout and back not in cluster.network.cuts:
                cluster.after(time // 2, lambda: end(outcome))

        cluster.after(there, arrive)
        cluster.after(action.timeout, lambda: end(_unheard(action)))

    def _outcome(self, action: Driven, rule: Rule | None) -> Outcome:
        if rule is not None and rule.how in ("fails", "raises"):
            return Outcome(verdict=Verdict.FAILED, detail=rule.text)
        match action:
            case AskNp():
                silent = rule is not None and rule.how == "silent"
                answer = Answer.SILENT if silent else Answer.ANSWERED
                return Outcome(verdict=Verdict.OK, answer=answer)
            case CanFence():
                return Outcome(
                    verdict=Verdict.OK, observation=Observation(Health.NORMAL, "its power was read")
                )
            case Fence(call=call):
                return self._fence(call.victim, rule)
            case Arbitrate(call=call, ask=question):
                return self._arbitrate(call.group, question)
            case _:
                raise TypeError(action)

    def _arbitrate(self, group: str, question: arbitration.Question) -> Outcome:
        before = self.arbiter.records.get(group)
        outcome = self.arbiter.answer(self._cluster.now, group, question)
        rights.check_record(self._cluster, group, before, question)
        return outcome

    def _fence(self, victim: str, rule: Rule | None) -> Outcome:
        """Cut the power; or say so only (lies), or do it when nobody counts on it (late)."""
        how = rule.how if rule is not None else ""
        if how == "late":
            self._cluster.after(LATE_MS, lambda: self._cluster.kill(victim))
            return Outcome(verdict=Verdict.OK, power=Power.UNKNOWN, detail="accepted")
        if how == "lies":
            self._cluster.history.words_are_true = False
        else:
            self._cluster.kill(victim)
        return Outcome(verdict=Verdict.OK, power=Power.OFF)


def _is(rule: Rule | None, how: str) -> bool:
    return rule is not None and rule.how == how


def _unheard(action: Driven) -> Outcome:
    """Give what comes of a question that no answer came to."""
    if isinstance(action, AskNp):
        return Outcome(verdict=Verdict.OK, answer=Answer.SILENT)
    return Outcome(verdict=Verdict.STALLED, detail="no answer in time")
