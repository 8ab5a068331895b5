"""Every call gets a true outcome in time: what the driver answers, raises, or leaves unanswered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

import pytest

from clpcore import api
from clpcore.model.actions import Activate, Deactivate, Driven, Observe, Probe
from clpcore.model.inputs import Outcome
from clpcore.model.states import Verdict


class Cluster(Protocol):
    """What the fixture gives."""

    root: Path
    kept: list[tuple[str, str, tuple[api.Process, ...]]]

    async def call(self, kind: type[Driven], name: str = ..., **words: Any) -> Outcome: ...  # noqa: ANN401
    async def pid(self) -> int: ...
    def named(self) -> list[int]: ...
    def lives(self, pid: int) -> bool: ...
    async def eventually(self, holds: Callable[[], object], seconds: float = 5) -> None: ...


Test = Callable[[Cluster], Awaitable[None]]
Run = Callable[[Test], None]

_SCRIPT: Final = ("sh", "-c", "echo pid=$$; sleep 600 & echo pid=$!; wait")

# -- answers


def test_calls_are_answered(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        inactive = Outcome(verdict=Verdict.OK, presence=api.Presence.INACTIVE)
        assert await cluster.call(Probe) == inactive
        assert await cluster.call(Activate) == Outcome(verdict=Verdict.OK)
        assert (await cluster.call(Probe)).presence is api.Presence.ACTIVE
        state = cluster.root / "run/clpcore/resources/g/one/state"
        assert state.read_text() == "2"  # the priority of node2
        looked = (await cluster.call(Observe)).observation
        assert looked == api.Observation(api.Health.NORMAL, f"active {state.parent}")
        assert await cluster.call(Deactivate) == Outcome(verdict=Verdict.OK)
        assert await cluster.call(Probe) == inactive

    run(test)


@pytest.mark.parametrize(
    ("vice", "verdict", "detail"),
    [
        ("failed", Verdict.FAILED, "the moon is wrong"),
        ("misconfigured", Verdict.MISCONFIGURED, "the moon is not configured"),
        ("not_installed", Verdict.NOT_INSTALLED, "there is no moon"),
        ("value_error", Verdict.FAILED, "driver bug: ValueError: half a moon (the worker's log"),
        ("system_exit", Verdict.FAILED, "driver bug: SystemExit: 4"),
        ("panic", Verdict.FAILED, "driver bug: BaseException: a library written in Rust"),
        ("cancelled", Verdict.FAILED, "driver bug: CancelledError"),
        ("leak_without_end", Verdict.FAILED, "driver bug: MemoryError"),
    ],
)
def test_what_a_driver_raises_is_a_verdict(
    run: Run, vice: str, verdict: Verdict, detail: str
) -> None:
    async def test(cluster: Cluster) -> None:
        for outcome in (
            await cluster.call(Activate, activate=vice),
            await cluster.call(Observe, observe=vice),
        ):
            assert outcome.verdict is verdict
            assert outcome.detail.startswith(detail)

    run(test)


def test_an_answer_of_the_wrong_kind_is_a_bug_of_the_driver(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Probe, probe="wrong_answer")
        assert outcome.detail.startswith("driver bug: TypeError: probe gave 7, which is no Prese")

    run(test)


def test_what_cannot_be_asked_is_said(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Probe, moon=1)
        assert outcome.verdict is Verdict.MISCONFIGURED
        assert "faulty has no setting moon" in outcome.detail
        outcome = await cluster.call(Probe, type_="strange")
        assert outcome.verdict is Verdict.MISCONFIGURED
        assert outcome.detail == "no plugin on this server drives resource type strange"
        outcome = await cluster.call(Probe, type_="refused")
        assert outcome.verdict is Verdict.FAILED
        assert outcome.detail.startswith("plugin refused is refused: it implements no hook. Def")
        outcome = await cluster.call(Probe, type_="lost")
        assert outcome.detail.startswith("plugin lost is refused: no plugin lost is installed.")

    run(test)


def test_a_worker_warms_up_before_its_first_call(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        for _ in range(2):  # once, not at each call
            outcome = await cluster.call(Probe, type_="warm")
            assert outcome.presence is api.Presence.ACTIVE
        outcome = await cluster.call(Probe, type_="cold")
        assert outcome.verdict is Verdict.FAILED
        why = "plugin cold is refused: cold cannot warm up: ImportError: no cloud here"
        assert outcome.detail == why

    run(test)


def test_kept_processes_are_told_with_their_start_time(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        await cluster.call(Activate, activate="keep", argv=["sleep", "600"])
        ((group, resource, (process,)),) = cluster.kept[1:]
        assert (group, resource, process.name) == ("g", "one", "app")
        assert cluster.lives(process.pid)
        await cluster.call(Probe)
        await cluster.call(Deactivate, deactivate="end")
        assert [kept for *_, kept in cluster.kept[1:]] == [(process,), (process,), ()]
        assert not cluster.lives(process.pid)

    run(test)


# -- no answer


_CHANGES: Final = (  # what is asked for, what is done of it, what the probe then proves
    (Activate, "set,", Verdict.OK, api.Presence.ACTIVE),
    (Activate, "", Verdict.FAILED, api.Presence.INACTIVE),
    (Deactivate, "unset,", Verdict.OK, api.Presence.INACTIVE),
    (Deactivate, "", Verdict.FAILED, api.Presence.ACTIVE),
)


@pytest.mark.parametrize(
    ("vice", "changes"),
    [("doze", _CHANGES), ("swallow", _CHANGES), ("block", _CHANGES[1:2]), ("block", _CHANGES[2:3])],
)
def test_a_change_past_its_deadline_is_asked_by_a_probe(
    run: Run,
    vice: str,
    changes: tuple[tuple[type[Driven], str, Verdict, api.Presence], ...],
) -> None:
    async def change(
        cluster: Cluster, kind: type[Driven], done: str, verdict: Verdict, presence: api.Presence
    ) -> None:
        name = f"{kind.__name__}-{done}"
        if kind is Deactivate:
            await cluster.call(Activate, name)
        start = time.monotonic()
        does = {kind.__name__.lower(): f"{done}{vice}"}
        outcome = await cluster.call(kind, name, timeout=300, **does)
        assert time.monotonic() - start < 0.3 + 1.5 + 0.5
        assert (outcome.verdict, outcome.presence) == (verdict, presence)
        assert outcome.detail.endswith(f"; a probe then found it {presence.value}")

    async def test(cluster: Cluster) -> None:
        await asyncio.gather(*(change(cluster, *each) for each in changes))
        assert (await cluster.call(Probe)).verdict is Verdict.OK

    run(test)


@pytest.mark.parametrize("vice", ["doze", "swallow", "block"])
def test_a_look_past_its_deadline_is_a_stall(run: Run, vice: str) -> None:
    async def test(cluster: Cluster) -> None:
        start = time.monotonic()
        probed, observed = await asyncio.gather(
            cluster.call(Probe, "one", probe=vice, timeout=300),
            cluster.call(Observe, "two", observe=vice, timeout=300),
        )
        assert time.monotonic() - start < 0.3 + 1.5
        assert (probed.verdict, probed.presence) == (Verdict.STALLED, api.Presence.UNKNOWN)
        assert (observed.verdict, observed.observation) == (Verdict.STALLED, None)

    run(test)


def test_a_change_whose_probe_does_not_answer_is_unknown(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Deactivate, deactivate="doze", probe="doze", timeout=100)
        assert (outcome.verdict, outcome.presence) == (Verdict.STALLED, api.Presence.UNKNOWN)
        assert outcome.detail.endswith("a probe could not tell what became of it")

    run(test)


def test_the_commands_of_a_call_that_is_over_are_killed(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Activate, activate="log", argv=_SCRIPT, timeout=700)
        assert outcome.verdict is Verdict.FAILED
        assert len(cluster.named()) == 2
        assert not [pid for pid in cluster.named() if cluster.lives(pid)]

    run(test)


def test_the_commands_that_a_driver_leaves_behind_are_killed(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        outcome = await cluster.call(Activate, activate="background", argv=_SCRIPT)
        assert outcome.verdict is Verdict.OK
        assert len(cluster.named()) == 2
        assert not [pid for pid in cluster.named() if cluster.lives(pid)]

    run(test)


def test_a_driver_begins_nothing_when_its_call_is_over(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        start = time.monotonic()
        outcome = await cluster.call(Activate, activate="tidy_up", timeout=500)
        assert time.monotonic() - start < 1.0
        assert "nor when cancelled" not in outcome.detail

    run(test)


def test_a_driver_that_runs_on_can_do_no_more(run: Run) -> None:
    async def test(cluster: Cluster) -> None:
        other = asyncio.ensure_future(cluster.call(Activate, "two", activate="doze", timeout=5_000))
        await cluster.call(Activate, activate="swallow_then_write", timeout=100)
        zombie = cluster.root / "run/clpcore/resources/g/one/zombie"
        await cluster.eventually(lambda: zombie.exists() and zombie.read_text())
        assert zombie.read_text() == "this call is over: its deadline has passed"
        assert (await cluster.call(Probe)).presence is api.Presence.INACTIVE
        other.cancel()

    run(test)
