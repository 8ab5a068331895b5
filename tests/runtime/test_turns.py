"""The core gets one input after the other, ticks in time, and may raise without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from clpcore import decide
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.inputs import Done, Input, Leave, Outcome, Tick
from clpcore.model.kept import BootKept, Kept
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import Presence, Verdict
from clpcore.runtime import clock
from clpcore.runtime.turns import Turns

Until = Callable[[Callable[[], object]], Awaitable[None]]
Step = Callable[[ClusterState, Input], Decision]


class Script:
    """A core whose step is the test's; everything else is real."""

    start = staticmethod(decide.start)
    beat = staticmethod(decide.beat)
    feed_until = staticmethod(decide.feed_until)
    snapshot = staticmethod(decide.snapshot)

    def __init__(self, step: Step) -> None:
        self._step = step

    def step(self, _config: ClusterConfig, state: ClusterState, taken: Input, /) -> Decision:
        return self._step(state, taken)


@attrs.define
class Doer:
    taken: list[Input] = attrs.field(factory=list)
    bugs: list[str] = attrs.field(factory=list)
    heard: int = 0
    react: Callable[[Input], None] = lambda _: None

    def decided(self, taken: Input, old: ClusterState, decision: Decision) -> None:
        self.taken.append(taken)
        self.react(taken)

    def undecided(self, taken: Input, error: Exception) -> None:
        self.bugs.append(f"{type(taken).__name__}: {error}")

    def before_tick(self) -> None:
        self.heard += 1


def first_state(config: ClusterConfig) -> ClusterState:
    incarnation = Incarnation(Boot(1, "b"), 1)
    return decide.start(config, "node1", incarnation, Kept(), BootKept(), now=0, wall=0)


def quiet(state: ClusterState, **changes: Any) -> Decision:  # noqa: ANN401 - fields of Decision
    whole: dict[str, Any] = {"actions": (), "because": (), "wake_at": None, **changes}
    return Decision(state=attrs.evolve(state, report=state.report + 1), **whole)


def broken() -> Decision:
    raise ArithmeticError("a bug")


def make(config: ClusterConfig, step: Step, doer: Doer) -> Turns:
    return Turns(Script(step), config, first_state(config), doer)


def test_an_input_that_a_turn_leads_to_is_the_next_turn(config: ClusterConfig) -> None:
    async def run() -> None:
        doer = Doer()
        turns = make(config, lambda state, _: quiet(state), doer)
        depth = 0

        def react(taken: Input) -> None:
            nonlocal depth
            depth += 1
            assert depth == 1, "one turn at a time"
            if taken == Leave(1):
                turns.feed(Leave(2))
                turns.feed(Leave(3))
            depth -= 1

        doer.react = react
        turns.feed(Leave(1))
        assert doer.taken == [Leave(1), Leave(2), Leave(3)]
        assert turns.state.report == 3

    asyncio.run(run())


def test_it_ticks_when_the_core_asked_for_it(config: ClusterConfig, until: Until) -> None:
    async def run() -> None:
        doer = Doer()
        asked: list[int] = []

        def step(state: ClusterState, taken: Input) -> Decision:
            if len(asked) < 5:
                asked.append(taken.now + 20)
                return quiet(state, wake_at=asked[-1])
            return quiet(state)

        turns = make(config, step, doer)
        turns.tick()
        await until(lambda: len(doer.taken) == 6)
        for moment, tick in zip(asked, doer.taken[1:], strict=True):
            assert moment <= tick.now < moment + 200
        assert doer.heard == 6, "what waits is heard before each tick"
        await asyncio.sleep(0.05)
        assert len(doer.taken) == 6, "not asked for, no tick"

    asyncio.run(run())


def test_an_earlier_moment_replaces_a_later_one(config: ClusterConfig, until: Until) -> None:
    async def run() -> None:
        doer = Doer()
        wakes = iter([clock.now() + 60_000, clock.now() + 10, None])
        turns = make(config, lambda state, _: quiet(state, wake_at=next(wakes)), doer)
        turns.tick()
        turns.feed(Leave(1))
        await until(lambda: len(doer.taken) == 3)
        turns.stop()

    asyncio.run(run())


def test_a_moment_in_the_past_does_not_starve_the_loop(config: ClusterConfig) -> None:
    async def run() -> None:
        doer = Doer()
        turns = make(config, lambda state, _: quiet(state, wake_at=1), doer)
        turns.tick()
        await asyncio.sleep(0.1)
        turns.stop()
        assert 10 < len(doer.taken) < 200

    asyncio.run(run())


def test_a_step_that_raises_changes_nothing_and_is_told(config: ClusterConfig) -> None:
    async def run() -> None:
        doer = Doer()

        def step(state: ClusterState, taken: Input) -> Decision:
            return quiet(state) if isinstance(taken, Tick) else broken()

        turns = make(config, step, doer)
        turns.feed(Tick(1))
        state = turns.state
        turns.feed(Leave(2))
        assert turns.state is state
        assert doer.bugs == ["Leave: a bug"]
        turns.feed(Tick(3))
        assert turns.state.report == 2
        assert (turns.count, turns.raised) == (3, 1)

    asyncio.run(run())


def test_a_tick_that_raises_is_not_repeated_at_once(config: ClusterConfig, until: Until) -> None:
    async def run() -> None:
        doer = Doer()

        def step(state: ClusterState, _taken: Input) -> Decision:
            return quiet(state, wake_at=1) if not doer.taken else broken()

        turns = make(config, step, doer)
        turns.tick()
        await until(lambda: doer.bugs)
        await asyncio.sleep(0.05)
        turns.stop()
        assert len(doer.bugs) == 1

    asyncio.run(run())


def test_nothing_is_taken_after_the_end(config: ClusterConfig) -> None:
    async def run() -> None:
        doer = Doer()
        turns = make(config, lambda state, _: quiet(state, wake_at=clock.now() + 5), doer)
        turns.tick()
        turns.stop()
        turns.feed(Leave(1))
        await asyncio.sleep(0.03)
        assert len(doer.taken) == 1

    asyncio.run(run())


def test_an_outcome_that_the_core_fails_on_comes_again_as_an_unknown_one(
    config: ClusterConfig,
) -> None:
    async def run() -> None:
        doer = Doer()

        def step(state: ClusterState, taken: Input) -> Decision:
            assert isinstance(taken, Done)
            return quiet(state) if taken.outcome.verdict is Verdict.STALLED else broken()

        turns = make(config, step, doer)
        probed = Outcome(verdict=Verdict.OK, presence=Presence.ACTIVE)
        turns.feed(Done(now=1, action=7, outcome=probed))
        turns.feed(Done(now=2, action=8, outcome=Outcome(verdict=Verdict.OK)))
        one, two = doer.taken
        assert isinstance(one, Done)
        assert isinstance(two, Done)
        assert (one.action, one.outcome.presence) == (7, Presence.UNKNOWN)
        assert (two.action, two.outcome.presence) == (8, None)
        assert "the core failed" in one.outcome.detail
        assert doer.bugs == ["Done: a bug", "Done: a bug"]

    asyncio.run(run())


def test_an_outcome_that_the_core_never_takes_is_given_up(config: ClusterConfig) -> None:
    async def run() -> None:
        doer = Doer()
        turns = make(config, lambda *_: broken(), doer)
        turns.feed(Done(now=1, action=7, outcome=Outcome(verdict=Verdict.OK)))
        assert (turns.raised, doer.taken) == (2, [])

    asyncio.run(run())
