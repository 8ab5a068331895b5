"""Calls of NP resolution, forced stop and arbiter: what they give, and whom they never delay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import pytest

from clpcore import api
from clpcore.model import arbitration as arb
from clpcore.model.actions import Arbitrate, AskNp, CanFence, Driven, Fence
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Outcome
from clpcore.model.members import Server
from clpcore.model.protection import Arbiter, Fencing, NpResolution
from clpcore.model.states import Verdict
from clpcore.runtime.workers.calls import Workers


class Cluster(Protocol):
    """What the fixture gives."""

    root: Path
    workers: Workers

    async def eventually(self, holds: Callable[[], object]) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]

CALL: Final = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=0,
    server="node1",
    home="",
    previous="",
    group="",
    resource="",
    entry="it",
    victim="node2",
)
BOOT: Final = api.Boot(3, "b")
ME: Final = api.Holder("node1", BOOT, 4)
SESSION: Final = api.Session(server="node1", boot=BOOT, lease=9_000, held={"g": 4})


def config(per_server: dict[str, Any] | None = None, **settings: object) -> ClusterConfig:
    each = {"name": "it", "settings": settings, "per_server": per_server or {}}
    return ClusterConfig(
        name="c",
        servers=tuple(Server(name=f"node{i}", priority=i, interconnect=()) for i in (1, 2)),
        nps=(NpResolution(type="faultynp", **each),),  # type: ignore[arg-type]
        fencings=(Fencing(type="faultyfence", **each),),  # type: ignore[arg-type]
        arbiter=Arbiter(type="faultyarbiter", **each),  # type: ignore[arg-type]
    )


def action(kind: type[AskNp | CanFence | Fence], ms: int = 5_000) -> Driven:
    return kind(id=1, call=CALL, timeout=ms)


def arbitrate(ask: arb.Question, ms: int = 5_000, group: str = "g") -> Arbitrate:
    return Arbitrate(id=1, call=attrs.evolve(CALL, group=group, victim=""), timeout=ms, ask=ask)


RECORD: Final = api.Record(epoch=9, suspects=(ME,), outdated=("node2",))
ANSWERS: Final[list[tuple[Driven, dict[str, Any]]]] = [
    (action(AskNp), {"answer": api.Answer.SILENT}),
    (
        action(CanFence),
        {"observation": api.Observation(api.Health.NORMAL, "node2 is vm-two")},
    ),
    (action(Fence), {"power": api.Power.OFF}),
    (arbitrate(arb.Read()), {"record": api.Record(epoch=1, evidence=("g",))}),
    (arbitrate(arb.Claim(ME)), {"record": api.Record(epoch=4, holder=ME)}),
    (arbitrate(arb.Amend(RECORD)), {"record": RECORD}),
    (arbitrate(arb.Release(ME)), {"record": api.Record(epoch=4)}),
    (arbitrate(arb.Disclaim(ME)), {"record": api.Record(epoch=5)}),
    (arbitrate(arb.Renew(SESSION)), {"kept": True}),
    (arbitrate(arb.Renew(attrs.evolve(SESSION, held={}))), {"kept": False}),
]


def test_every_method_is_called_and_answers(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        settings = config({"node1": {"victim": "vm-one"}, "node2": {"victim": "vm-two"}})
        for asked, answer in ANSWERS:
            outcome = await cluster.workers.call(asked, settings)
            assert outcome == Outcome(verdict=Verdict.OK, **answer)

    run(test)


@pytest.mark.parametrize(("kind", "verdict"), [(CanFence, Verdict.OK), (Fence, Verdict.STALLED)])
def test_the_time_of_a_look_begins_when_its_plugin_is_loaded(
    run: Run, kind: type[CanFence | Fence], verdict: Verdict
) -> None:
    """Nobody waits for it, as for a forced stop, whose time is what was promised."""

    async def test(cluster: Cluster) -> None:
        slow = (Fencing(name="it", type="slowfence"),)
        settings = attrs.evolve(config(), fencings=slow)
        outcome = await cluster.workers.call(action(kind, 600), settings)
        assert outcome.verdict is verdict, outcome
        if outcome.observation is not None:
            left = int(outcome.observation.sentence.partition(" ")[0])
            assert 0 < left <= 600

    run(test)


def test_what_is_no_answer_is_a_bug_of_the_driver_and_no_answer(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        for asked, says in (
            (action(AskNp), "ask gave True, which is no Answer"),
            (action(CanFence), "can_fence gave None, which is no Observation"),
            (action(Fence), "fence gave 'off', which is no Power"),
            (arbitrate(arb.Read()), "read gave 1, which is no Record"),
            (arbitrate(arb.Renew(SESSION)), "renew gave 1, which is no bool"),
        ):
            outcome = await cluster.workers.call(asked, config(does="lie"))
            detail = f"driver bug: TypeError: {says} (the worker's log has more)"
            assert outcome == Outcome(verdict=Verdict.FAILED, detail=detail)

    run(test)


def test_what_a_driver_raises_is_an_unknown(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        for asked, _ in ANSWERS:
            outcome = await cluster.workers.call(asked, config(does="fail"))
            assert outcome.verdict is Verdict.FAILED
            assert outcome.detail.endswith("the moon is wrong")
            assert outcome == Outcome(verdict=Verdict.FAILED, detail=outcome.detail)

    run(test)


@pytest.mark.parametrize("vice", ["doze", "block"])
def test_a_stall_is_an_unknown_soon_after_the_deadline(run: Run, vice: str) -> None:
    async def test(cluster: Cluster) -> None:
        begun = time.monotonic()
        outcomes = await asyncio.gather(
            *(
                cluster.workers.call(asked, config(does=vice))
                for asked in (action(Fence, 300), arbitrate(arb.Renew(SESSION), 300))
            )
        )
        assert time.monotonic() - begun < 0.3 + 2.5
        for outcome in outcomes:
            assert outcome == Outcome(verdict=Verdict.STALLED, detail=outcome.detail)

    run(test)


def test_a_fence_that_died_with_its_worker_is_asked_again_as_long_as_there_is_time(
    run: Run, tmp_path: Path
) -> None:
    note = tmp_path / "note"

    async def test(cluster: Cluster) -> None:
        does = config(does="leave_once", note=str(note))
        outcome = await cluster.workers.call(action(Fence), does)
        assert outcome == Outcome(verdict=Verdict.OK, power=api.Power.OFF)
        assert [line.split()[0] for line in note.read_text().splitlines()] == ["fence", "fence"]
        note.unlink()
        outcome = await cluster.workers.call(action(Fence), config(does="leave", note=str(note)))
        assert outcome.verdict is Verdict.FAILED
        assert (outcome.power, outcome.presence) == (None, None)
        methods = [line.split()[0] for line in note.read_text().splitlines()]
        assert set(methods) == {"fence"}, "an unknown fence is asked by no probe"

    run(test)


def test_what_the_configuration_has_not_is_said(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        bare = ClusterConfig(name="c")
        for asked, says in (
            (action(AskNp), "the configuration has no NP resolution it"),
            (action(Fence), "the configuration has no forced stop it"),
            (arbitrate(arb.Read()), "the configuration has no arbiter it"),
        ):
            outcome = await cluster.workers.call(asked, bare)
            assert outcome == Outcome(verdict=Verdict.MISCONFIGURED, detail=says)

    run(test)


def test_a_stuck_fence_and_a_stuck_claim_delay_neither_renewals_nor_each_other(
    run: Run, tmp_path: Path
) -> None:
    note = tmp_path / "note"

    async def test(cluster: Cluster) -> None:
        well = config(note=str(note))
        for kind in (
            action(AskNp),
            action(Fence),
            arbitrate(arb.Read()),
            arbitrate(arb.Renew(SESSION)),
        ):
            await cluster.workers.call(kind, well)
        pids = dict(line.split() for line in note.read_text().splitlines())
        assert len(set(pids.values())) == 4, "each has a worker of its own"
        stuck = [
            asyncio.ensure_future(cluster.workers.call(asked, config(does="block")))
            for asked in (action(Fence, 2_000), arbitrate(arb.Claim(ME), 2_000))
        ]
        await asyncio.sleep(0.1)
        for asked in (arbitrate(arb.Renew(SESSION)), action(AskNp)):
            begun = time.monotonic()
            assert (await cluster.workers.call(asked, well)).verdict is Verdict.OK
            assert time.monotonic() - begun < 0.5
        assert {outcome.verdict for outcome in await asyncio.gather(*stuck)} == {Verdict.STALLED}

    run(test)


def test_fences_of_two_victims_do_not_end_each_others_commands(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        lingers = config(does="linger")
        first = asyncio.ensure_future(cluster.workers.call(action(Fence, 1_000), lingers))
        commands = cluster.root / "run/clpcore/commands/fencing/it"
        await cluster.eventually(lambda: any(p.name.isdecimal() for p in commands.glob("*/*")))
        other = Fence(id=2, call=attrs.evolve(CALL, victim="node1"), timeout=300)
        await cluster.workers.call(other, lingers)
        assert not first.done()
        assert (await first).verdict is Verdict.STALLED

    run(test)
