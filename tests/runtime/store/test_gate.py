"""Actions go out in order, once what they rest on is durable; looks and stops wait less."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs
import pytest

from clpcore import decide
from clpcore.model.actions import (
    Action,
    Activate,
    Answer,
    Arbitrate,
    AskNp,
    Call,
    CanFence,
    Deactivate,
    Fence,
    Hook,
    Kill,
    Observe,
    Probe,
    StopSelf,
)
from clpcore.model.arbitration import Claim, Holder, Question, Read, Release, Renew, Session
from clpcore.model.config import ClusterConfig
from clpcore.model.hooks import HookPoint
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.kept import BootKept, Kept
from clpcore.model.members import Server
from clpcore.model.reasons import Because
from clpcore.model.state import Decision
from clpcore.model.states import Event, FinalAction, Role
from clpcore.runtime.store import gate as gate_module
from clpcore.runtime.store.gate import Gate

Until = Callable[[Callable[[], object]], Awaitable[None]]

CALL = Call(
    event=Event.START,
    role=Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="g",
    resource="r",
)
ACTIVATE = Activate(id=1, call=CALL, timeout=1)
DEACTIVATE = Deactivate(id=2, call=CALL, timeout=1)
PROBE = Probe(id=3, call=CALL, timeout=1)
OBSERVE = Observe(id=4, call=CALL, timeout=1)
HOOK = Hook(id=5, call=CALL, at=HookPoint.BEFORE_DEACTIVATION, timeout=1)
LATER = Hook(id=6, call=CALL, at=HookPoint.BEFORE_ACTIVATION, timeout=1)
STOP = StopSelf(how=FinalAction.REBOOT, because=Because("nm1"))


ME = Holder("node1", Boot(1, "b"), 4)
SESSION = Session(server="node1", boot=Boot(1, "b"), lease=9)


def arbitrate(question: Question) -> Arbitrate:
    return Arbitrate(id=9, call=CALL, timeout=1, ask=question)


def answer(name: str) -> Answer:
    return Answer(request=name, ok=True, because=())


STATE = decide.start(
    ClusterConfig(name="test", servers=(Server(name="node1", priority=1, interconnect=()),)),
    "node1",
    Incarnation(Boot(1, "b"), 1),
    Kept(),
    BootKept(),
    now=0,
    wall=0,
)


def decided(*actions: Action, report: int = 0, because: tuple[Because, ...] = ()) -> Decision:
    state = attrs.evolve(STATE, report=report)
    return Decision(state=state, actions=actions, because=because, wake_at=None)


def deaf(_decision: Decision) -> None:
    """Hear of decisions that have passed, and do nothing."""


def durable() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def test_what_rests_on_nothing_goes_at_once() -> None:
    async def run() -> None:
        done: list[Action] = []
        Gate(done.append, deaf).put(decided(ACTIVATE, answer("a")), None)
        assert done == [ACTIVATE, answer("a")]

    asyncio.run(run())


def test_actions_wait_for_their_commit_and_for_those_before_them() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append, deaf)
        first, second = durable(), durable()
        gate.put(decided(answer("1"), answer("2")), first)
        gate.put(decided(answer("3")), None)
        gate.put(decided(answer("4")), second)
        second.set_result(None)
        await asyncio.sleep(0)
        assert (done, gate.waiting) == ([], 4)
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == [answer("1"), answer("2"), answer("3"), answer("4")]
        assert gate.waiting == 0

    asyncio.run(run())


def test_a_decision_that_is_made_while_actions_go_out_comes_after_them() -> None:
    async def run() -> None:
        done: list[Action] = []

        def do(action: Action) -> None:
            done.append(action)
            if action == answer("1"):
                gate.put(decided(answer("3")), None)

        gate = Gate(do, deaf)
        first = durable()
        gate.put(decided(answer("1"), answer("2")), first)
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == [answer("1"), answer("2"), answer("3")]

    asyncio.run(run())


def test_looking_never_waits() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append, deaf)
        gate.put(decided(answer("1"), PROBE, OBSERVE), durable())
        gate.put(decided(OBSERVE), None)
        assert done == [PROBE, OBSERVE, OBSERVE]

    asyncio.run(run())


def test_a_stop_waits_a_moment_for_a_stuck_disk_and_then_goes(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE", 0.05)

    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append, deaf)
        stuck = durable()
        gate.put(decided(ACTIVATE), stuck)
        gate.put(decided(DEACTIVATE, HOOK, LATER, answer("1"), STOP), None)
        await asyncio.sleep(0)
        assert done == []
        await until(lambda: done == [DEACTIVATE, HOOK, STOP])
        stuck.set_result(None)
        await asyncio.sleep(0)
        assert done == [DEACTIVATE, HOOK, STOP, ACTIVATE, LATER, answer("1")]

    asyncio.run(run())


def test_an_action_that_cannot_be_begun_keeps_no_other_back() -> None:
    async def run() -> None:
        done: list[Action] = []

        def do(action: Action) -> None:
            if action == answer("1"):
                raise RuntimeError("broken")
            done.append(action)

        Gate(do, deaf).put(decided(answer("1"), answer("2")), None)
        assert done == [answer("2")]

    asyncio.run(run())


def test_nothing_goes_through_a_closed_gate() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append, deaf)
        first = durable()
        gate.put(decided(answer("1"), DEACTIVATE), first)
        gate.close()
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == []

    asyncio.run(run())


def test_others_hear_of_a_decision_once_it_and_all_before_it_are_durable() -> None:
    async def run() -> None:
        done: list[Action | int] = []
        gate = Gate(done.append, lambda decision: done.append(decision.state.report))
        gate.put(decided(report=1), None)
        assert done == [1]
        first, second = durable(), durable()
        gate.put(decided(answer("2"), report=2), first)
        gate.put(decided(report=3, because=(Because("nm1"),)), None)
        gate.put(decided(report=4), None)
        gate.put(decided(DEACTIVATE, report=5), second)
        gate.put(decided(report=6), None)
        second.set_result(None)
        await asyncio.sleep(0)
        assert done == [1]
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == [1, 2, answer("2"), 3, 4, 5, DEACTIVATE, 6]

    asyncio.run(run())


def test_a_stop_that_does_not_wait_tells_nobody(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE", 0.01)

    async def run() -> None:
        done: list[Action] = []
        passed: list[Decision] = []
        gate = Gate(done.append, passed.append)
        gate.put(decided(DEACTIVATE), durable())
        await until(lambda: done == [DEACTIVATE])
        assert passed == []

    asyncio.run(run())


def test_ticks_do_not_pile_up_behind_a_stuck_disk() -> None:
    async def run() -> None:
        passed: list[int] = []
        gate = Gate(lambda _: None, lambda decision: passed.append(decision.state.report))
        stuck = durable()
        gate.put(decided(), stuck)
        for number in range(1, 1_000):
            gate.put(decided(report=number), None)
        assert len(gate._held) == 2
        stuck.set_result(None)
        await asyncio.sleep(0)
        assert passed == [0, 999]

    asyncio.run(run())


@pytest.mark.parametrize(
    "hasty",
    [
        AskNp(id=7, call=CALL, timeout=1),
        CanFence(id=7, call=CALL, timeout=1),
        Kill(group="g"),
        arbitrate(Read()),
        arbitrate(Renew(SESSION)),
    ],
    ids=lambda action: type(getattr(action, "ask", action)).__name__,
)
async def test_questions_renewals_and_kills_never_wait(hasty: Action) -> None:
    done: list[Action] = []
    gate = Gate(done.append, deaf)
    gate.put(decided(ACTIVATE), durable())
    gate.put(decided(hasty, answer("a")), durable())
    assert done == [hasty]


@pytest.mark.parametrize(
    "grave",
    [Fence(id=7, call=CALL, timeout=1), arbitrate(Claim(ME)), arbitrate(Release(ME))],
    ids=lambda action: type(getattr(action, "ask", action)).__name__,
)
async def test_a_fence_and_what_the_arbiter_writes_wait_for_the_journal(
    grave: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE", 0.01)
    done: list[Action] = []
    gate, written = Gate(done.append, deaf), durable()
    gate.put(decided(grave), written)
    await asyncio.sleep(0.05)
    assert done == []
    written.set_result(None)
    await asyncio.sleep(0)
    assert done == [grave]
