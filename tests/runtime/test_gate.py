"""Actions go out in order, once what they rest on is durable; looks and stops wait less."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from clpcore.model.actions import (
    Action,
    Activate,
    Answer,
    Call,
    Deactivate,
    Observe,
    Probe,
    StopSelf,
)
from clpcore.model.reasons import Because
from clpcore.model.states import Event, FinalAction, Role
from clpcore.runtime import gate as gate_module
from clpcore.runtime.gate import Gate

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
STOP = StopSelf(how=FinalAction.REBOOT, because=Because("nm1"))


def answer(name: str) -> Answer:
    return Answer(request=name, ok=True, because=())


def durable() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


def test_what_rests_on_nothing_goes_at_once() -> None:
    async def run() -> None:
        done: list[Action] = []
        Gate(done.append).put([ACTIVATE, answer("a")], None)
        assert done == [ACTIVATE, answer("a")]

    asyncio.run(run())


def test_actions_wait_for_their_commit_and_for_those_before_them() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append)
        first, second = durable(), durable()
        gate.put([answer("1"), answer("2")], first)
        gate.put([answer("3")], None)
        gate.put([answer("4")], second)
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
                gate.put([answer("3")], None)

        gate = Gate(do)
        first = durable()
        gate.put([answer("1"), answer("2")], first)
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == [answer("1"), answer("2"), answer("3")]

    asyncio.run(run())


def test_looking_never_waits() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append)
        gate.put([answer("1"), PROBE, OBSERVE], durable())
        gate.put([OBSERVE], None)
        assert done == [PROBE, OBSERVE, OBSERVE]

    asyncio.run(run())


def test_a_stop_waits_a_moment_for_a_stuck_disk_and_then_goes(
    monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE", 0.05)

    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append)
        stuck = durable()
        gate.put([ACTIVATE], stuck)
        gate.put([DEACTIVATE, answer("1"), STOP], None)
        await asyncio.sleep(0)
        assert done == []
        await until(lambda: done == [DEACTIVATE, STOP])
        stuck.set_result(None)
        await asyncio.sleep(0)
        assert done == [DEACTIVATE, STOP, ACTIVATE, answer("1")]

    asyncio.run(run())


def test_an_action_that_cannot_be_begun_keeps_no_other_back() -> None:
    async def run() -> None:
        done: list[Action] = []

        def do(action: Action) -> None:
            if action == answer("1"):
                raise RuntimeError("broken")
            done.append(action)

        Gate(do).put([answer("1"), answer("2")], None)
        assert done == [answer("2")]

    asyncio.run(run())


def test_nothing_goes_through_a_closed_gate() -> None:
    async def run() -> None:
        done: list[Action] = []
        gate = Gate(done.append)
        first = durable()
        gate.put([answer("1"), DEACTIVATE], first)
        gate.close()
        first.set_result(None)
        await asyncio.sleep(0)
        assert done == []

    asyncio.run(run())
