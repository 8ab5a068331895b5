"""What each method of a driver is called with, and its answer, looked at, as an outcome."""

from __future__ import annotations

import typing
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from clpcore import api
from clpcore.model import arbitration as arb
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict
from clpcore.runtime.workers.exchange import Ask, Do

_T = TypeVar("_T")
_OK: Final = Verdict.OK


async def call(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    """Call the method that *ask* is about; what the driver raises comes through.

    Raises:
        TypeError: the answer is of the wrong kind.

    """
    return await _METHODS[ask.do](driver, ask, ports)


def _checked(method: str, answer: object, kind: type[_T]) -> _T:
    # Exactly: what only looks like an answer (1 for True) is none.
    if type(answer) is not kind:
        raise TypeError(f"{method} gave {answer!r:.80}, which is no {kind.__name__}")
    return answer


# -- resources and monitors


async def _probe(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    presence = await typing.cast("api.ResourceDriver", driver).probe(ask.call, ports)
    return Outcome(verdict=_OK, presence=_checked("probe", presence, api.Presence))


async def _activate(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    await typing.cast("api.ResourceDriver", driver).activate(ask.call, ports)
    return Outcome(verdict=_OK)


async def _deactivate(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    await typing.cast("api.ResourceDriver", driver).deactivate(ask.call, ports)
    return Outcome(verdict=_OK)


async def _observe(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    seen = await typing.cast("api.MonitorDriver", driver).observe(ask.call, ports)
    return Outcome(verdict=_OK, observation=_checked("observe", seen, api.Observation))


async def _rest(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    await typing.cast("api.KeepingMonitor", driver).rest(ask.call, ports)
    return Outcome(verdict=_OK)


# -- NP resolution and forced stop


async def _ask(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    answer = await typing.cast("api.PartitionDriver", driver).ask(ask.call, ports)
    return Outcome(verdict=_OK, answer=_checked("ask", answer, api.Answer))


async def _can_fence(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    seen = await typing.cast("api.FenceDriver", driver).can_fence(ask.call, ports)
    return Outcome(verdict=_OK, observation=_checked("can_fence", seen, api.Observation))


async def _fence(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    power = await typing.cast("api.FenceDriver", driver).fence(ask.call, ports)
    return Outcome(verdict=_OK, power=_checked("fence", power, api.Power))


# -- the arbiter


async def _arbitrate(driver: api.Driver, ask: Ask, ports: api.Ports) -> Outcome:
    arbiter = typing.cast("api.Arbiter", driver)
    if isinstance(ask.question, arb.Renew):
        kept = await arbiter.renew(ask.call, ports, ask.question.session)
        return Outcome(verdict=_OK, kept=_checked("renew", kept, bool))
    if ask.question is None:
        raise TypeError("there is nothing to arbitrate")
    record = await _record(arbiter, ask.call, ports, ask.question)
    return Outcome(verdict=_OK, record=_checked(ask.method, record, api.Record))


async def _record(
    arbiter: api.Arbiter, call: api.Call, ports: api.Ports, question: arb.Question
) -> api.Record:
    match question:
        case arb.Claim(me):
            return await arbiter.claim(call, ports, me)
        case arb.Amend(record):
            return await arbiter.amend(call, ports, record)
        case arb.Release(me):
            return await arbiter.release(call, ports, me)
        case arb.Disclaim(me):
            return await arbiter.disclaim(call, ports, me)
        case _:
            return await arbiter.read(call, ports)


_Method: TypeAlias = Callable[[api.Driver, Ask, api.Ports], Awaitable[Outcome]]
_METHODS: Final[dict[Do, _Method]] = {
    Do.PROBE: _probe,
    Do.ACTIVATE: _activate,
    Do.DEACTIVATE: _deactivate,
    Do.OBSERVE: _observe,
    Do.REST: _rest,
    Do.ASK: _ask,
    Do.CAN_FENCE: _can_fence,
    Do.FENCE: _fence,
    Do.ARBITRATE: _arbitrate,
}
