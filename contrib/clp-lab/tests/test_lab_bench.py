"""The benchmark's figures say what their names say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from clp_lab import bench, footprint, load, measures
from clp_lab.errors import LabError
from clp_lab.measures import Sample
from clp_lab.rig import Rig, Times, rig

_PARTS = ("detected", "decided", "activated", "routed")


def test_a_sample_has_medians_and_maxima_by_column() -> None:
    sample = Sample([{"a": 1.0, "b": 5.0}, {"a": 3.0, "b": 4.0}, {"a": 2.0, "b": 9.0}])
    assert sample.names == ("a", "b")
    assert (sample.column("a"), sample.column("b")) == ((2.0, 3.0), (5.0, 9.0))


@pytest.mark.netns
@pytest.mark.timeout(60)
def test_the_parts_of_a_kill_follow_each_other_and_make_up_the_whole() -> None:
    times = Times(timeout=500)
    (run,) = measures.server_kill(times, 1).runs
    assert sum(run[part] for part in _PARTS) == pytest.approx(run["through the frontend"])
    assert run["own overhead"] == pytest.approx(run["decided"] + run["activated"])
    assert times.timeout - times.interval - 20 < run["detected"] < times.timeout + 500
    assert run["first answer"] - run["application's own start"] > run["detected"] - 20
    assert 0 < run["application's own start"] < run["first answer"]


@pytest.fixture
def measured() -> Iterator[Rig]:
    with rig(Times(timeout=1_000)) as made:
        yield made


@pytest.mark.netns
@pytest.mark.timeout(60)
def test_the_manager_is_counted_without_what_it_keeps(measured: Rig) -> None:
    active = measured.trial.home()
    pids = measured.trial.lab.pids(active)
    agent = measured.trial.agent(active)["pid"]
    inner = {pid: _inner(pid) for pid in pids}
    counted = {inner[pid] for pid in footprint.manager(pids)}
    kept = set(measured.trial.kept(active).values())
    assert agent in counted
    assert len(kept) == 2
    assert counted == set(inner.values()) - kept - {1}


def _inner(pid: int) -> int:
    """The number of a process in its own server."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:  # noqa: PTH123
        (line,) = (line for line in file if line.startswith("NSpid:"))
    return int(line.split()[-1])


@pytest.mark.netns
@pytest.mark.timeout(60)
def test_a_command_is_timed_and_one_that_fails_is_no_figure(measured: Rig) -> None:
    assert measured.timed("node1", "status") > 0
    with pytest.raises(LabError, match="clp group move nothing"):
        measured.timed("node1", "group", "move", "nothing")


@pytest.mark.netns
@pytest.mark.timeout(60)
def test_lateness_is_no_figure_when_no_driver_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "_BLOCKER", load._BLOCKER.replace("time.sleep", "str"))
    with pytest.raises(LabError, match="the driver did not block"):
        load.lateness(1)


def test_what_cannot_be_measured_is_told_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def never(_runs: int) -> Sample:
        raise LabError("no server")

    def always(_runs: int) -> Sample:
        runs: list[Mapping[str, float]] = [{"clp status": 50.4}, {"clp status": 61.0}]
        return Sample(runs)

    monkeypatch.setattr(measures, "planned_move", never)
    monkeypatch.setattr(measures, "status_command", always)
    assert bench.main(["--runs", "2", "--only", "move", "status"]) == 1
    said = capsys.readouterr().out
    assert "NOT MEASURED: move: no server" in said
    assert said.endswith("| clp status |\n| --- |\n| 56 / 61 |\n")
