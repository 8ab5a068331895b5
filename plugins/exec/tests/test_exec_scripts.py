"""exec and pidw with real scripts: what runs, what is remembered, what goes wrong and how."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import kept, output, processes
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_exec.monitor import Config as WatchConfig
from clpcore_exec.monitor import Pidw
from clpcore_exec.resource import SPEC, Config, Exec

T = TypeVar("T")

_PIDS = r"pid=(\d+)"
_ASYNC = Config(start_sync=False)


@attrs.define
class Site:
    """One server with one exec resource, failover1/exec1, driven as a worker does it."""

    root: Path
    config: Config = attrs.field(factory=Config)
    event: api.Event = api.Event.START

    def script(self, name: str, text: str, mode: int = 0o755) -> Path:
        path = self.root / "var/lib/clpcore/revisions/current/scripts/failover1/exec1" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    @property
    def call(self) -> api.Call:
        return api.Call(
            event=self.event,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node2",
            home="node1",
            previous="node1",
            group="failover1",
            resource="exec1",
            priority=2,
        )

    @property
    def folders(self) -> Folders:
        return Folders.of(Root(self.root), self.call)

    @property
    def log(self) -> Path:
        return self.root / "var/log/clpcore/failover1/exec1/script.log"

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def pids(self) -> list[int]:
        """The processes that the scripts have named in their output."""
        return [int(pid) for pid in re.findall(_PIDS, "\n".join(self.said))]

    def ports(self) -> LocalPorts:
        return LocalPorts(self.call, self.folders, Limits())

    def activate(self) -> None:
        asyncio.run(Exec(self.config).activate(self.call, self.ports()))

    def deactivate(self) -> None:
        asyncio.run(Exec(self.config).deactivate(self.call, self.ports()))

    def probe(self) -> api.Presence:
        return asyncio.run(Exec(self.config).probe(self.call, self.ports()))

    def observe(self) -> api.Observation:
        return asyncio.run(Pidw(WatchConfig()).observe(self.call, self.ports()))

    def process(self) -> api.Process:
        (process,) = kept.living(self.folders.kept)
        return process


@pytest.fixture
def site(tmp_path: Path, end_sessions: Callable[[Iterable[int]], None]) -> Iterator[Site]:
    site = Site(tmp_path)
    site.script("start.sh", "echo started")
    site.script("stop.sh", "echo stopped")
    yield site
    end_sessions([*(process.pid for process in kept.living(site.folders.kept)), *site.pids()])


def _up_and_down(site: Site) -> None:
    site.activate()
    site.deactivate()


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


def _lives(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and not found.gone


# -- the ordinary course of things


def test_each_script_runs_once_however_often_it_is_asked_for(site: Site) -> None:
    assert site.probe() is api.Presence.INACTIVE
    for _ in range(2):
        site.activate()
        assert site.probe() is api.Presence.ACTIVE
    for _ in range(2):
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
    assert site.said == ["started", "stopped"]


def test_an_application_in_the_background_outlives_the_start_script(site: Site) -> None:
    site.script("start.sh", "sh -c 'while :; do echo tick; sleep 0.02; done' &\necho pid=$!")
    site.activate()
    (pid,) = _within(5, site.pids)
    ticks = len(site.said)
    _within(5, lambda: len(site.said) > ticks + 2)  # it still writes to the log
    assert _lives(pid)


def test_each_script_is_told_why_and_where_it_runs(site: Site) -> None:
    site.script("start.sh", "echo $CLP_EVENT $CLP_SERVER $CLP_PRIORITY")
    site.script("stop.sh", "echo $CLP_EVENT $CLP_FACTOR")
    site.activate()
    site.event = api.Event.MOVE
    site.deactivate()
    assert site.said == ["START OTHER 2", "START GROUPMOVE"]


def test_nothing_of_our_environment_but_the_ordinary(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/secret")
    site.script("start.sh", "env")
    site.activate()
    assert not [line for line in site.said if "secret" in line]


def test_scripts_at_other_places_and_another_return_value(site: Site, tmp_path: Path) -> None:
    path = site.script("start.sh", "exit 3").rename(tmp_path / "elsewhere.sh")
    site.config = Config(start=str(path), normal_return_value=3, log=str(tmp_path / "my.log"))
    site.activate()
    assert site.probe() is api.Presence.ACTIVE
    assert (tmp_path / "my.log").exists()


# -- what goes wrong with a script


def test_a_start_script_that_fails_leaves_it_broken_and_is_stopped_by_the_stop_script(
    site: Site,
) -> None:
    site.script("start.sh", "echo the disk is missing; exit 3")
    with pytest.raises(api.Failed, match=r'start.sh returned 3, not 0 and said "the disk is miss'):
        site.activate()
    assert site.probe() is api.Presence.BROKEN
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE
    assert site.said[-1] == "stopped"


def test_a_stop_script_that_fails_is_no_stop(site: Site) -> None:
    site.activate()
    site.script("stop.sh", "exit 1")
    with pytest.raises(api.Failed, match=r"stop\.sh returned 1"):
        site.deactivate()
    assert site.probe() is api.Presence.BROKEN


def test_a_start_script_that_is_killed_has_failed(site: Site) -> None:
    site.script("start.sh", "kill -9 $$")
    with pytest.raises(api.Failed, match=r"start\.sh returned -9"):
        site.activate()


def test_a_stop_script_that_is_missing_is_no_stop(site: Site) -> None:
    site.script("stop.sh", "").unlink()
    with pytest.raises(api.NotInstalled, match=r"stop\.sh does not exist on this server"):
        _up_and_down(site)
    assert site.probe() is api.Presence.BROKEN


@pytest.mark.parametrize("config", [Config(), _ASYNC], ids=["sync", "async"])
@pytest.mark.parametrize("mode", [None, 0o644])
def test_what_no_script_has_started_needs_no_stop_script(
    site: Site, config: Config, mode: int | None
) -> None:
    site.config = config
    for name in ("start.sh", "stop.sh"):
        path = site.script(name, "", mode=mode or 0)
        if mode is None:
            path.unlink()
    for _ in range(2):
        with pytest.raises(api.NotInstalled, match=r"start\.sh (does not exist|is not executable)"):
            site.activate()
        assert site.probe() is api.Presence.INACTIVE
        site.deactivate()


@pytest.mark.parametrize("config", [Config(), _ASYNC], ids=["sync", "async"])
def test_what_an_earlier_start_may_have_left_is_not_called_stopped(
    site: Site, config: Config
) -> None:
    site.config = config
    site.script("start.sh", "exit 3")
    if config.start_sync:
        with pytest.raises(api.Failed):
            site.activate()
    else:
        site.activate()
        _within(5, lambda: not kept.living(site.folders.kept))
    for name in ("start.sh", "stop.sh"):
        site.script(name, "").unlink()
    with pytest.raises(api.NotInstalled):
        site.activate()
    assert site.probe() is api.Presence.BROKEN
    if config.start_sync:
        with pytest.raises(api.NotInstalled):
            site.deactivate()
        assert site.probe() is api.Presence.BROKEN


def test_a_script_that_is_not_executable(site: Site) -> None:
    site.script("start.sh", "", mode=0o644)
    with pytest.raises(api.NotInstalled, match=r"start.sh is not executable on this server"):
        site.activate()


@pytest.mark.parametrize("text", ["", "#!/no/such/interpreter\n"])
def test_a_script_that_the_kernel_does_not_execute(site: Site, text: str) -> None:
    site.script("start.sh", "").write_text(text)
    with pytest.raises(api.NotInstalled, match=r"start.sh cannot be executed on this server"):
        site.activate()
    assert list(site.folders.commands.iterdir()) == []


def test_a_script_that_hangs_is_killed_with_all_its_children(site: Site) -> None:
    site.config = Config(start_timeout=500)
    site.script(
        "start.sh",
        "trap '' TERM\nsh -c 'trap \"\" TERM; echo pid=$$; sleep 600 & echo pid=$!; wait' &\n"
        "echo pid=$$\nwait",
    )
    before = time.monotonic()
    with pytest.raises(api.Failed, match=r"was killed: it had not ended after 0.5 s"):
        site.activate()
    assert time.monotonic() - before < 1.5
    assert len(site.pids()) == 3
    assert not [pid for pid in site.pids() if _lives(pid)]
    assert list(site.folders.commands.iterdir()) == []


def test_a_script_that_floods_its_output_fills_no_disk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOG_LIMIT", 100_000)
    site.config = Config(start_timeout=1_500)
    site.script("start.sh", "while :; do echo 0123456789012345678901234567890123456789; done")
    with pytest.raises(api.Failed, match="was killed"):
        site.activate()
    old = site.log.with_name("script.log.1")
    assert old.stat().st_size == 100_000
    site.script("start.sh", "echo calm")
    site.activate()
    assert site.log.stat().st_size < 101_000  # what came after the last look, and a calm word


def test_a_start_that_was_interrupted_is_broken_and_its_script_does_not_run_on(site: Site) -> None:
    site.script("start.sh", "echo pid=$$; sleep 600")

    async def crash() -> None:
        """Leave the script behind, as a worker does that is killed."""
        running = asyncio.ensure_future(Exec(site.config).activate(site.call, site.ports()))
        while not site.pids():  # noqa: ASYNC110 - a file has no events
            await asyncio.sleep(0.01)
        assert not running.done()
        os._exit(0)

    child = os.fork()
    if child == 0:
        asyncio.run(crash())
    os.waitpid(child, 0)
    assert site.probe() is api.Presence.BROKEN
    (pid,) = site.pids()
    assert _lives(pid)
    asyncio.run(site.ports().sweep())  # the first thing of the next call
    assert not _lives(pid)


def test_a_damaged_marker_is_an_unknown_and_no_stop(site: Site) -> None:
    site.activate()
    (site.root / "run/clpcore/resources/failover1/exec1/state.json").write_text('{"phase": "st')
    with pytest.raises(api.Failed, match="nobody knows whether the application runs"):
        site.probe()
    with pytest.raises(api.Failed, match="nobody knows whether the application runs"):
        site.deactivate()


# -- the start script as the application


def test_an_asynchronous_start_script_is_kept_and_watched(site: Site) -> None:
    site.config = _ASYNC
    site.script("start.sh", "echo up; exec sleep 600")
    for _ in range(2):
        site.activate()
        assert site.probe() is api.Presence.ACTIVE
    process = site.process()
    found = processes.stat(process.pid)
    assert found is not None
    assert found.parent == 1
    assert site.observe() == api.Observation(
        api.Health.NORMAL, f"process {process.pid} lives", certain=False
    )
    _within(5, lambda: site.said == ["up"])
    for _ in range(2):
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
    assert not _lives(process.pid)
    assert site.said == ["up", "stopped"]


def test_the_end_of_the_application_is_certain_and_breaks_the_resource(site: Site) -> None:
    site.config = _ASYNC
    site.script("start.sh", "sleep 600 & echo pid=$!; echo out of luck; wait")
    site.activate()
    _within(5, lambda: len(site.said) == 2)
    process = site.process()
    os.kill(process.pid, signal.SIGKILL)
    _within(5, lambda: not _lives(process.pid))
    assert site.probe() is api.Presence.BROKEN
    assert site.observe() == api.Observation(
        api.Health.ERROR,
        f'process {process.pid} has ended and said "out of luck"',
        certain=True,
    )
    (child,) = site.pids()
    assert _lives(child)
    site.deactivate()  # the child is of the same session
    assert not _lives(child)
    assert site.probe() is api.Presence.INACTIVE


def test_an_application_that_ignores_its_end_is_killed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clpcore_exec.resource._GRACE", 200)
    site.config = _ASYNC
    site.script("start.sh", "trap '' TERM; echo ready; while :; do sleep 1; done")
    site.activate()
    _within(5, lambda: site.said)
    process = site.process()
    site.deactivate()
    assert not _lives(process.pid)


def test_an_asynchronous_application_needs_no_stop_script(site: Site) -> None:
    site.config = _ASYNC
    site.script("start.sh", "exec sleep 600")
    site.script("stop.sh", "").unlink()
    site.activate()
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE


def test_without_a_stop_script_signals_end_the_application(site: Site) -> None:
    site.config = Config(start_sync=False, stop="")
    site.script("start.sh", "exec sleep 600")
    site.activate()
    process = site.process()
    site.deactivate()
    assert not _lives(process.pid)
    assert site.probe() is api.Presence.INACTIVE


def test_a_stop_script_that_fails_still_ends_the_application(site: Site) -> None:
    site.config = _ASYNC
    site.script("start.sh", "exec sleep 600")
    site.script("stop.sh", "exit 1")
    site.activate()
    process = site.process()
    with pytest.raises(api.Failed, match=r"stop\.sh returned 1"):
        site.deactivate()
    assert not _lives(process.pid)
    assert site.probe() is api.Presence.BROKEN


def test_an_asynchronous_stop_script_does_not_work_against_the_next_start(site: Site) -> None:
    site.config = Config(stop_sync=False)
    site.script("stop.sh", "echo pid=$$; sleep 600")
    site.activate()
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE
    (pid,) = _within(5, site.pids)
    assert _lives(pid)
    site.activate()
    assert not _lives(pid)


def test_pidw_has_nothing_to_watch_where_the_start_script_has_ended(site: Site) -> None:
    assert site.observe().health is api.Health.ERROR
    site.activate()
    assert site.observe().health is api.Health.NORMAL
    assert site.observe().sentence.startswith("nothing to watch")


def test_the_core_waits_longer_than_a_script_may_take() -> None:
    for core, own in (
        ("activate_timeout", "start_timeout"),
        ("deactivate_timeout", "stop_timeout"),
    ):
        assert SPEC.defaults[core] == getattr(Config(), own) + 180_000
