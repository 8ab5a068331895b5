"""genw with real scripts, synchronous and asynchronous."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import kept, processes
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_genw.monitor import Config, Genw, validate

T = TypeVar("T")


@attrs.define
class Site:
    """One server with one genw1 on failover1/exec1, driven as a worker does it."""

    root: Path
    config: Config = attrs.field(factory=Config)

    def script(self, text: str, mode: int = 0o755) -> Path:
        path = self.root / "var/lib/clpcore/revisions/current/scripts/monitor/genw1/genw.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    @property
    def call(self) -> api.Call:
        return api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node2",
            home="node1",
            previous="",
            group="failover1",
            resource="exec1",
            monitor="genw1",
        )

    @property
    def folders(self) -> Folders:
        return Folders.of(Root(self.root), self.call)

    @property
    def log(self) -> Path:
        return self.root / "var/log/clpcore/failover1/exec1/genw1.log"

    @property
    def note(self) -> Path:
        return self.root / "run/clpcore/resources/failover1/exec1/genw1.genw"

    def observe(self) -> api.Observation:
        ports = LocalPorts(self.call, self.folders, Limits())
        return asyncio.run(Genw(self.config).observe(self.call, ports))

    def rest(self) -> None:
        ports = LocalPorts(self.call, self.folders, Limits())
        asyncio.run(Genw(self.config).rest(self.call, ports))

    def process(self) -> api.Process:
        (process,) = kept.living(self.folders.kept)
        return process


@pytest.fixture
def site(tmp_path: Path, end_sessions: Callable[[Iterable[int]], None]) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    end_sessions(process.pid for process in kept.living(site.folders.kept))


@pytest.fixture
def going(site: Site) -> Site:
    """An asynchronous script that was started by a first look."""
    site.config = Config(sync=False)
    site.script("echo up $$; while :; do sleep 0.1; done")
    assert site.observe().health is api.Health.NORMAL
    _within(5, lambda: site.log.exists() and "up" in site.log.read_text())
    return site


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


def _said(site: Site) -> str:
    return site.log.read_text() if site.log.exists() else ""


def _lives(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and not found.gone


# -- synchronous


@pytest.mark.parametrize(
    ("value", "health"),
    [
        (0, api.Health.NORMAL),
        (5, api.Health.NORMAL),
        (2, api.Health.WARNING),
        (1, api.Health.ERROR),
    ],
)
def test_the_return_value_is_the_answer(site: Site, value: int, health: api.Health) -> None:
    site.config = Config(normal_return_values=(0, 5), warning_return_values=(2,))
    site.script(f"echo looked; exit {value}")
    assert site.observe() == api.Observation(health, f'genw.sh returned {value} and said "looked"')


def test_only_zero_is_normal_by_default(site: Site) -> None:
    site.script("exit 1")
    assert site.observe() == api.Observation(api.Health.ERROR, "genw.sh returned 1")


def test_a_script_that_is_killed_is_an_error(site: Site) -> None:
    site.script("kill -9 $$")
    assert site.observe() == api.Observation(api.Health.ERROR, "genw.sh returned -9")


def test_the_script_is_told_what_it_watches_and_its_output_is_kept(site: Site) -> None:
    path = site.script("env")
    site.observe()
    said = site.log.read_text().splitlines()
    assert "CLP_MONITORNAME=genw1" in said
    assert "CLP_GROUPNAME=failover1" in said
    assert "CLP_RESOURCENAME=exec1" in said
    assert "CLP_SERVER=OTHER" in said
    assert f"CLP_SCRIPT_PATH={path.parent}" in said


def test_a_script_and_a_log_at_other_places(site: Site, tmp_path: Path) -> None:
    path = site.script("echo here").rename(tmp_path / "elsewhere.sh")
    site.config = Config(script=str(path), log=str(tmp_path / "my.log"))
    assert site.observe().health is api.Health.NORMAL
    assert (tmp_path / "my.log").read_text() == "here\n"


def test_a_script_that_is_missing_or_not_executable(site: Site) -> None:
    path = site.script("exit 0", mode=0o644)
    with pytest.raises(api.NotInstalled, match=r"genw.sh is not executable on this server"):
        site.observe()
    path.unlink()
    with pytest.raises(api.NotInstalled, match=r"genw.sh does not exist on this server"):
        site.observe()


# -- asynchronous


def test_a_script_that_goes_on_is_normal_and_is_started_once(going: Site) -> None:
    process = going.process()
    assert going.observe() == api.Observation(
        api.Health.NORMAL, f"genw.sh goes on (pid {process.pid})"
    )
    assert going.process() == process
    assert going.log.read_text().count("up") == 1


def test_the_end_of_the_script_is_told_once_and_then_it_is_started_again(going: Site) -> None:
    process = going.process()
    os.kill(int(going.log.read_text().split()[1]), signal.SIGKILL)
    _within(5, lambda: not _lives(process.pid))
    seen = going.observe()
    assert seen.health is api.Health.ERROR
    assert seen.certain
    assert seen.sentence.startswith('genw.sh has ended and said "up')
    assert going.observe().health is api.Health.NORMAL
    assert going.process() != process


def test_an_asynchronous_script_that_cannot_be_executed_is_an_error(site: Site) -> None:
    site.config = Config(sync=False)
    site.script("", mode=0o644)
    site.observe()
    _within(5, lambda: not kept.living(site.folders.kept))
    assert "genw.sh cannot be executed: Permission denied" in site.observe().sentence


def test_a_script_that_nobody_looks_after_is_ended_with_its_children(site: Site) -> None:
    site.config = Config(sync=False, forgotten_after=1_000)
    site.script("sleep 600 & echo $! $$; wait")
    site.observe()
    pids = [int(pid) for pid in _within(5, lambda: _said(site)).split()]
    process = site.process()
    looks = time.monotonic() + 1.5
    while time.monotonic() < looks:  # looked after, it lives on
        assert site.observe().health is api.Health.NORMAL
        time.sleep(0.1)
    assert site.process() == process
    _within(10, lambda: not _lives(process.pid))
    assert not [pid for pid in pids if _lives(pid)]
    assert not site.note.exists()
    assert site.observe().health is api.Health.NORMAL  # no error: it was ended by us


def test_a_script_is_ended_when_the_monitor_stops_looking(site: Site) -> None:
    site.config = Config(sync=False)
    site.script("sleep 600 & echo $! $$; wait")
    site.observe()
    pids = [int(pid) for pid in _within(5, lambda: _said(site)).split()]
    process = site.process()
    for _ in range(2):
        site.rest()
        assert not [pid for pid in (process.pid, *pids) if _lives(pid)]
        assert not site.note.exists()
    assert site.observe().health is api.Health.NORMAL  # no error: it was ended by us
    assert site.process() != process


def test_what_the_script_has_left_is_ended_before_it_is_started_again(site: Site) -> None:
    site.config = Config(sync=False)
    site.script("sleep 600 & echo $!")
    site.observe()
    pid = int(_within(5, lambda: _said(site)))
    _within(5, lambda: not kept.living(site.folders.kept))
    assert site.observe().health is api.Health.ERROR
    assert _lives(pid)
    site.observe()
    assert not _lives(pid)


# -- settings


def test_a_return_value_means_one_thing() -> None:
    assert list(validate(Config())) == []
    both = Config(warning_return_values=(0, 1))
    assert [problem.key for problem in validate(both)] == ["warning_return_values"]


def test_a_monitor_has_scripts_of_its_own_and_without_a_target_all_of_its_own(site: Site) -> None:
    with_target = site.folders
    alone = Folders.of(Root(site.root), attrs.evolve(site.call, group="", resource=""))
    for folders in (with_target, alone):
        committed = f"{site.root}/var/lib/clpcore/revisions/current"
        assert folders.places.scripts == f"{committed}/scripts/monitor/genw1"
    assert with_target.kept == site.root / "run/clpcore/kept/failover1/exec1"
    assert alone.kept == site.root / "run/clpcore/kept/monitor/genw1"  # where the agent looks
