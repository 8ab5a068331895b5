"""What is recorded can be decided on again, exactly; and nothing waits for it or fails by it."""

from __future__ import annotations

import functools
import os
import threading
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from clpcore import decide
from clpcore.decide.picture import bare
from clpcore.model import inputs as given
from clpcore.model.actions import Action, StopSelf
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot, Incarnation
from clpcore.model.kept import BootKept, Kept
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Decision
from clpcore.model.states import FinalAction
from clpcore.runtime.recording import playing, recorder, ring
from clpcore.runtime.recording.lines import Turned
from clpcore.runtime.recording.reading import Segment
from clpcore.runtime.recording.recorder import Recorder
from clpcore.runtime.recording.ring import Ring
from clpcore.runtime.recording.sources import sources
from clpcore.simulate.example import arbitrated, counting, example, fenced, resolved, watched
from clpcore.wire import values

Record = Callable[..., Path]
Until = Callable[[Callable[[], object]], Awaitable[None]]

FAILOVER = ("set unproven_takeover true", "boot node1 node2", "run 5 s", "kill node1", "run 30 s")
_SECRET = "Tr0ub4dor&3"
_SCENARIOS = Path(__file__).parents[2] / "scenarios"


def _start(config: ClusterConfig) -> ClusterState:
    me = Incarnation(Boot(1, "b"), 1)
    return decide.start(config, "node1", me, Kept(), BootKept(), now=0, wall=0)


class Core:
    """The core, that raises at one moment and ends its machine at another."""

    raises_at = ends_at = -1
    end: Action
    start = staticmethod(decide.start)
    feed_until = staticmethod(decide.feed_until)
    beat = staticmethod(decide.beat)
    snapshot = staticmethod(decide.snapshot)

    def step(self, config: ClusterConfig, state: ClusterState, taken: given.Input, /) -> Decision:
        if taken.now == self.raises_at:
            raise ArithmeticError("a bug")
        decision = decide.step(config, state, taken)
        if taken.now == self.ends_at:
            return attrs.evolve(decision, actions=(self.end,))
        return decision


def _played(folder: Path) -> list[Turned]:
    """Decide again on everything; fail at the first difference."""
    found, ended = [], None
    for source in sources(folder):
        with source.open() as file:
            segment = Segment(file)
            assert segment.same
            state = segment.state
            if segment.heading.follows:
                assert state == ended
            for turned in segment.turned():
                state, now = playing.again(segment.config, state, turned)
                assert now == turned
                found.append(turned)
            assert segment.complete
            ended = state
    return found


def test_a_failover_is_recorded_and_decided_on_again(record: Record) -> None:
    found = _played(record(FAILOVER))
    said = [because.key for turned in found for because in turned.because]
    assert {"nm2", "rc60", "rc11"} <= {*said}
    kinds = {type(turned.taken) for turned in found}
    assert {given.Tick, given.HeardBeat, given.GotLetter, given.Done} <= kinds


@pytest.mark.parametrize(
    "name",
    [
        "agent_restart",
        "fence_fails",
        "hook_scripts",
        "majority_of_three",
        "monitor_of_monitors",
        "operations_with_an_arbiter",
        "partition_active_cut_off_both",
        "server_groups",
    ],
)
def test_a_scenario_is_decided_on_again(record: Record, name: str) -> None:
    """With what only drivers read taken out: the core reads no more than the recording holds."""
    lines = (_SCENARIOS / f"{name}.txt").read_text().splitlines()
    found = _played(record([line[1:].strip() for line in lines if line.startswith(">")]))
    assert any(turned.because for turned in found)


def test_segments_follow_each_other_without_a_gap(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "SEGMENT", 2_500)  # state and configuration take 1,500
    folder = record([*FAILOVER, "boot node1", "run 60 s"])
    sizes = [path.stat().st_size for path in ring.segments(folder)]
    assert min(sizes[:-1]) >= 2_500
    headings = []
    for source in sources(folder):
        with source.open() as file:
            headings.append(Segment(file).heading)
    assert len(headings) > 2
    assert [each.number for each in headings] == [*range(1, len(headings) + 1)]
    assert [each.follows for each in headings] == [False, *[True] * (len(headings) - 1)]
    assert len(_played(folder)) > 20


async def test_a_step_that_raises_is_recorded_and_raises(tmp_path: Path) -> None:
    config, core = example(), Core()
    core.raises_at = 10
    told = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", pytest.fail)
    recorded = told.over(core)
    state = recorded.step(config, _start(config), given.Tick(0)).state
    with pytest.raises(ArithmeticError):
        recorded.step(config, state, given.Tick(10))
    recorded.step(config, state, given.Tick(20))
    await told.close()
    (source,) = sources(tmp_path / "r")
    with source.open() as file:
        turned = list(Segment(file).turned())
    assert [each.raised for each in turned] == ["", "ArithmeticError: a bug", ""]


async def test_a_disk_that_is_too_slow_makes_a_gap_and_no_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    stuck, real = threading.Event(), Ring.begin
    monkeypatch.setattr(recorder, "MOST_WAITING", 10)
    monkeypatch.setattr(Ring, "begin", lambda self: (stuck.wait(5), real(self))[1])
    config = example()
    told = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", pytest.fail)
    core, state = told.over(Core()), _start(config)
    for now in range(100):
        state = core.step(config, state, given.Tick(now)).state
    stuck.set()
    await until(told._queue.empty)
    for now in range(100, 105):
        state = core.step(config, state, given.Tick(now)).state
    await told.close()
    found = _played(tmp_path / "r")
    assert len(found) < 50
    assert [turned.taken.now for turned in found][-5:] == [*range(100, 105)]
    last = sources(tmp_path / "r")[-1]
    with last.open() as file:
        assert not Segment(file).heading.follows


async def test_what_ends_the_machine_is_on_the_disk_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    """Not a moment later: the machine may be gone by then."""
    monkeypatch.setattr(recorder, "_GATHER", 60)
    synced = list[int]()
    monkeypatch.setattr(os, "fdatasync", synced.append)
    end = StopSelf(how=FinalAction.RESET, because=Because("rc1"))
    config, core = example(), Core()
    core.ends_at = 10
    core.end = end
    recording = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", pytest.fail)
    recorded = recording.over(core)
    state = recorded.step(config, _start(config), given.Tick(0)).state
    assert not synced
    recorded.step(config, state, given.Tick(10))
    await until(lambda: synced)
    (source,) = sources(tmp_path / "r")
    with source.open() as file:
        assert [*Segment(file).turned()][-1].actions == (end,)
    await recording.close()


async def test_a_full_disk_is_told_once_and_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    real, told = os.open, list[str]()
    monkeypatch.setattr(os, "open", lambda *_: real("/dev/full", os.O_WRONLY))
    config = example()
    recording = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", told.append)
    core, state = recording.over(Core()), _start(config)
    state = core.step(config, state, given.Tick(0)).state
    await until(lambda: told)
    for now in range(1, 2_000):
        state = core.step(config, state, given.Tick(now)).state
    assert recording._queue.empty()
    await recording.close()
    assert told == ["No space left on device"]


async def test_a_bug_of_the_recording_ends_it_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    monkeypatch.setattr(values, "to_json", lambda _value: 1 // 0)
    told = list[str]()
    config = example()
    recording = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", told.append)
    core = recording.over(Core())
    core.step(config, _start(config), given.Tick(0))
    await until(lambda: told)
    await recording.close()
    assert told[0].startswith("ZeroDivisionError")


def _with_secrets() -> ClusterConfig:
    """Plant one wherever drivers have settings, but for the monitor that the core reads."""
    config = arbitrated(fenced(resolved(example(), "np1", "httpnp"), "power1"), "w1", 5_000)
    config = counting(watched(config, "ipw1", "local server"), "mtw1", "ipw1", 0)
    assert config.arbiter is not None
    evolve = functools.partial(
        attrs.evolve,
        settings={"password": _SECRET},
        per_server={"node1": {"password": _SECRET}},
    )
    return attrs.evolve(
        config,
        heartbeats=tuple(
            attrs.evolve(each, settings={"password": _SECRET}) for each in config.heartbeats
        ),
        nps=tuple(evolve(each) for each in config.nps),
        fencings=tuple(evolve(each) for each in config.fencings),
        arbiter=evolve(config.arbiter),
        monitors=tuple(m if m.type == "mtw" else evolve(m) for m in config.monitors),
        groups=tuple(
            attrs.evolve(group, resources=tuple(evolve(each) for each in group.resources))
            for group in config.groups
        ),
    )


async def test_no_setting_of_a_driver_gets_in(tmp_path: Path) -> None:
    config = _with_secrets()
    assert repr(config).count(_SECRET) > 10
    recording = Recorder(Ring(tmp_path / "r"), "node1", "0.1.0", pytest.fail)
    core, state = recording.over(Core()), _start(config)
    for now in range(0, 60_000, 1_000):
        decision = core.step(config, state, given.Tick(now))
        state = decision.state
    await recording.close()
    (file,) = ring.segments(tmp_path / "r")
    unpacked = zlib.decompressobj().decompress(file.read_bytes().partition(b"\n")[2])
    assert b"failover1" in unpacked
    assert _SECRET.encode() not in unpacked
    assert b"password" not in unpacked


def test_the_settings_that_the_core_reads_itself_are_kept() -> None:
    config = counting(resolved(example(), "np1", "majoritynp"), "mtw1", "pidw1", 1)
    (np,) = config.nps
    config = attrs.evolve(
        config, nps=(attrs.evolve(np, settings={"best_priority_wins_half": True}),)
    )
    kept = bare(config)
    assert kept.nps == config.nps
    assert kept.monitors[-1].settings == config.monitors[-1].settings != {}
