"""`clp replay`: a rule that was broken since is found, and nothing else is."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from clpcore import decide
from clpcore.ctl import words
from clpcore.decide import evidence, membership
from clpcore.model.actions import Activate
from clpcore.model.config import ClusterConfig
from clpcore.model.inputs import Input
from clpcore.model.state import ClusterState, Decision
from clpcore.runtime import clock
from clpcore.runtime.places import Root
from clpcore.runtime.recording import recorder as recorder_module
from clpcore.runtime.recording import ring
from clpcore.runtime.recording.recorder import Recorder
from clpcore.runtime.recording.ring import Ring
from clpcore.simulate.scenario import Scenario

Clp = Callable[[str], tuple[str, str, int]]

_FAILOVER: Final = (
    "set unproven_takeover true",
    "boot node1 node2",
    "run 5 s",
    "kill node1",
    "run 20 s",
)
_WALL: Final = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC
_catalogue = words._catalogue


class _Core:
    start = staticmethod(decide.start)
    step = staticmethod(decide.step)
    feed_until = staticmethod(decide.feed_until)
    beat = staticmethod(decide.beat)
    snapshot = staticmethod(decide.snapshot)


@pytest.fixture
def folder(root: Path, monkeypatch: pytest.MonkeyPatch, clp: Clp) -> Path:
    """What node2 has recorded of a failover, in its own place."""
    del clp  # which puts other words in their place
    monkeypatch.setattr(words, "_catalogue", _catalogue)
    place = Root(root).recording
    asyncio.run(_record(place, _FAILOVER, monkeypatch))
    return place


async def _record(place: Path, lines: Iterable[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(recorder_module, "_GATHER", 0)
        patch.setattr(recorder_module, "SEGMENT", 1_500)
        recorder = Recorder(Ring(place), "node2", "0.0.9", pytest.fail)
        core, zero = recorder.over(_Core()), 0

        def step(config: ClusterConfig, state: ClusterState, taken: Input) -> Decision:
            nonlocal zero
            if state.me != "node2":
                return _Core.step(config, state, taken)
            patch.setattr(clock, "wall", lambda: _WALL + taken.now)
            zero += 1
            while zero % 20 == 0 and not recorder._queue.empty():
                time.sleep(0.0005)
            return core.step(config, state, taken)

        scenario = Scenario(quiet=True)
        patch.setattr(decide, "step", step)
        for line in lines:
            scenario.do(line)
        await recorder.close()


def _documents(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_without_a_change_no_decision_differs(folder: Path, clp: Clp) -> None:
    assert len(ring.segments(folder)) > 1
    out, err, code = clp("replay")
    assert (err, code) == ("", 0)
    inputs, end = out.splitlines()
    assert inputs.endswith(", from 2026-09-21 14:13:20.000 to 2026-09-21 14:13:45.000.")
    assert end == "No decision differs."


def test_show_tells_the_dialogue(folder: Path, clp: Clp) -> None:
    out, _, code = clp(f"replay --show {folder}")
    assert code == 0
    texts = [line.split("  ", 2)[2].strip() for line in out.splitlines()[:-2]]
    assert "nm1    Server node1 is heard." in texts
    silent = next(line for line in out.splitlines() if "nm2 " in line)
    assert silent.startswith("2026-09-21 14:13:3")
    assert "node2     nm2    Server node1 has been silent for" in silent
    assert any(text.startswith("rc11 ") for text in texts)


@pytest.mark.usefixtures("folder")
def test_a_rule_that_was_broken_is_found(clp: Clp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that forgives two more seconds of silence decides otherwise from then on."""
    real = evidence.last_sign
    monkeypatch.setattr(evidence, "last_sign", lambda peer: real(peer) + 2_000)
    out, err, code = clp("replay")
    assert (err, code) == ("", 1)
    lines = out.splitlines()
    found = next(n for n, line in enumerate(lines) if line.endswith("DIFFERS  time passes"))
    assert "            then  nm2    Server node1 has been silent for 5000 ms" in lines[found + 1]
    assert "            now   nothing else" in lines[found:]
    assert lines[-1].startswith("Differences: ")
    *events, summary = _documents(clp("replay --json")[0])
    first = next(event for event in events if event["is"] == "difference")
    assert first["input"]["is"] == "Tick"
    assert first["now"]["because"] == []
    assert "nm2" in [sentence["key"] for sentence in first["then"]["because"]]
    assert summary["differ"] > 1
    everything = _documents(clp("replay --all --json")[0])
    assert summary["differ"] == len(everything) - 1


@pytest.mark.usefixtures("folder")
def test_an_action_that_is_not_asked_for_any_more_is_found(
    clp: Clp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same sentences: what is done counts, and not only what is said."""

    def idle(config: ClusterConfig, state: ClusterState, taken: Input) -> Decision:
        decision = _Core.step(config, state, taken)
        actions = tuple(each for each in decision.actions if not isinstance(each, Activate))
        return attrs.evolve(decision, actions=actions)

    monkeypatch.setattr(decide, "step", idle)
    out, _, code = clp("replay")
    assert code == 1
    assert "            then  activate failover1/exec1\n            now   nothing else\n" in out
    assert "rc30" not in out


@pytest.mark.usefixtures("folder")
def test_what_it_knows_is_compared_where_segments_meet(
    clp: Clp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule whose effect nobody has seen yet shows in the state."""
    real = membership.take_beat

    def invents(turn: Any, taken: Any) -> None:  # noqa: ANN401 - the rule's own
        real(turn, taken)
        turn.boots.put("nobody", 7)

    monkeypatch.setattr(membership, "take_beat", invents)
    out, _, code = clp("replay")
    assert code == 1
    assert "DIFFERS  what it knows: run.boots.nobody: nothing, now 7" in out


@pytest.mark.usefixtures("folder")
def test_a_rule_that_raises_is_a_difference(clp: Clp, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(membership, "notice_pause", raises)
    out, _, code = clp("replay")
    assert code == 1
    assert "now   the core failed: ArithmeticError: a bug" in out


@pytest.mark.usefixtures("folder")
def test_only_what_was_asked_for_is_played(clp: Clp) -> None:
    whole = _documents(clp("replay --json")[0])[-1]
    begin, end = "'2026-09-21 14:13:40'", "'2026-09-21 14:13:42'"
    part = _documents(clp(f"replay --json --from {begin} --to {end}")[0])[-1]
    assert 0 < part["inputs"] < whole["inputs"]
    assert part["from_ms"] >= _WALL + 20_000
    assert part["to_ms"] <= _WALL + 22_000
    early = _documents(clp("replay --json --to '2026-09-21 14:13:30'")[0])[-1]
    assert early["segments"] < whole["segments"]
    nothing = ("Nothing was recorded in that time.\n", "", 2)  # which is not "none differs"
    assert clp("replay --from '2027-01-01'") == nothing


def test_a_bundle_and_a_single_segment_are_played(folder: Path, clp: Clp, root: Path) -> None:
    bundle = root / "node2-log.tar.gz"
    with tarfile.open(bundle, "w:gz") as archive:
        for path in ring.segments(folder):
            member, data = tarfile.TarInfo(f"node2-log/recording/{path.name}"), path.read_bytes()
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    whole = clp("replay")[0]
    assert clp(f"replay {bundle}")[0] == whole
    first = ring.segments(folder)[0]
    out, _, code = clp(f"replay {first}")
    assert code == 0
    assert ", segments: 1, " in out


def test_an_end_that_is_missing_is_said_and_no_error(folder: Path, clp: Clp) -> None:
    last = ring.segments(folder)[-1]
    last.write_bytes(last.read_bytes()[:-30])
    out, _, code = clp("replay")
    assert code == 0
    assert f"{last.name}: its end is missing: the agent writes it still" in out


def test_a_damaged_segment_is_named_and_the_others_are_played(folder: Path, clp: Clp) -> None:
    first, *_ = ring.segments(folder)
    first.write_bytes(first.read_bytes()[:100] + b"\0" * 50 + first.read_bytes()[150:])
    out, err, code = clp("replay")
    assert (err, code) == ("", 2)
    assert f"{first.name} cannot be read, or not to its end: " in out
    assert "No decision differs." in out


def test_where_nothing_is_recorded_the_next_step_is_told(clp: Clp, root: Path) -> None:
    _, err, code = clp("replay")
    assert code == 2
    assert str(Root(root).recording) in err
    assert "name a folder with segments" in err
    assert "root alone" not in err
    file = root / "x.clprec"
    file.write_bytes(b"no recording")
    out, _, code = clp(f"replay {file}")
    assert code == 2
    assert out == (
        "x.clprec cannot be read, or not to its end: it does not begin as a recording does.\n"
    )
