"""The script driver with real scripts, and what they do wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from clpcore import api
from clpcore.runtime import clock
from clpcore.runtime.driving import processes
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_scriptfence.fence import Config, Script, validate

T = TypeVar("T")

_LONG = 10_000  # ms, for what ends by itself
_SHORT = 500  # ms, for what does not
_ENDS = 5.0  # seconds
_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=0,
    server="node1",
    home="node1",
    previous="",
    group="",
    resource="",
    entry="forced_stop",
    victim="node2",
)


@attrs.define
class Site:
    """One server with one way to stop others, driven as a worker does it."""

    root: Path
    name: str = "forcestop.sh"

    def script(self, text: str, mode: int = 0o755) -> Path:
        scripts = self.root / "var/lib/clpcore/revisions/current/scripts"
        path = scripts / "fencing/forced_stop/forcestop.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    @property
    def folders(self) -> Folders:
        return Folders.of_entry(Root(self.root), _CALL, api.Kind.FENCE, "fence")

    @property
    def log(self) -> Path:
        return self.root / "var/log/clpcore/fencing/forced_stop/script.log"

    def fence(self, patience: int = _LONG) -> api.Power | None:
        return self._do(lambda driver, call, ports: driver.fence(call, ports), patience)

    def can_fence(self, patience: int = _LONG) -> api.Observation | None:
        return self._do(lambda driver, call, ports: driver.can_fence(call, ports), patience)

    def _do(
        self, method: Callable[[Script, api.Call, api.Ports], Awaitable[T]], patience: int
    ) -> T | None:
        """Give what the call gives, or None when it was cancelled at its deadline."""
        call = attrs.evolve(_CALL, deadline=clock.now() + patience)

        async def until_the_deadline() -> T | None:
            ports = LocalPorts(call, self.folders, Limits())
            driver = Script(Config(script=self.name))
            task = asyncio.ensure_future(method(driver, call, ports))
            await asyncio.wait({task}, timeout=patience / 1_000)
            if not task.done():
                ports.revoke()
                task.cancel()
                await asyncio.wait({task})
                assert task.cancelled()
            await ports.close()
            return None if task.cancelled() else task.result()

        return asyncio.run(until_the_deadline())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


def _lives(pid: int) -> bool:
    found = processes.stat(pid)
    return found is not None and not found.gone


# -- what its exit code means


def test_zero_means_that_the_server_was_read_as_off(site: Site) -> None:
    site.script("exit 0")
    assert site.fence() is api.Power.OFF
    assert site.fence() is api.Power.OFF


@pytest.mark.parametrize("end", ["exit 1", "exit 255", "kill -9 $$", "kill -TERM $$"])
def test_any_other_end_is_not_off(site: Site, end: str) -> None:
    site.script(end)
    with pytest.raises(api.Failed, match=r"node2 may be running: forcestop.sh returned .*\.log"):
        site.fence()


def test_the_check_says_whether_it_would_work(site: Site) -> None:
    site.script("exit 0")
    assert site.can_fence() == api.Observation(
        api.Health.NORMAL, "forcestop.sh returned 0: node2 can be stopped"
    )
    site.script("exit 3")
    assert site.can_fence() == api.Observation(
        api.Health.ERROR,
        f"node2 cannot be stopped: forcestop.sh returned 3; its output is in {site.log}",
    )


# -- what it is told


def test_in_the_check_nobody_is_down(site: Site) -> None:
    site.script(
        'echo "$CLP_FORCESTOP_MODE,$CLP_SERVER_LOCAL,${CLP_SERVER_DOWN-,},$CLP_SERVER_VICTIM"'
    )
    site.can_fence()
    assert site.log.read_text() == "0,node1,,,node2\n"


def test_in_the_stop_the_victim_is_down(site: Site) -> None:
    site.script('echo "$CLP_FORCESTOP_MODE,$CLP_SERVER_LOCAL,$CLP_SERVER_DOWN,$CLP_SERVER_VICTIM"')
    site.fence()
    assert site.log.read_text() == "1,node1,node2,node2\n"


def test_a_script_of_the_product_that_goes_by_the_mode_runs_as_it_is(site: Site) -> None:
    site.script(
        'if [ "$CLP_FORCESTOP_MODE" -eq 0 ]; then vm=$CLP_SERVER_LOCAL\n'
        "else vm=$CLP_SERVER_DOWN; fi\n"
        "echo $vm"
    )
    site.can_fence()
    site.fence()
    assert site.log.read_text() == "node1\nnode2\n"


# -- scripts that are not there


def test_a_missing_script_is_an_error_of_the_check(site: Site) -> None:
    path = site.script("exit 0", mode=0o644)
    seen = site.can_fence()
    assert seen == api.Observation(api.Health.ERROR, f"{path} is not executable on this server")
    with pytest.raises(api.NotInstalled, match="is not executable"):
        site.fence()
    path.unlink()
    seen = site.can_fence()
    assert seen == api.Observation(api.Health.ERROR, f"{path} does not exist on this server")
    with pytest.raises(api.NotInstalled, match="does not exist"):
        site.fence()


def test_a_script_without_an_interpreter_is_an_error_of_the_check(site: Site) -> None:
    site.script("exit 0").write_text("#!/no/such/shell\nexit 0\n")
    seen = site.can_fence()
    assert seen is not None
    assert seen.health is api.Health.ERROR
    with pytest.raises(api.NotInstalled, match="cannot be executed"):
        site.fence()


def test_a_script_elsewhere(site: Site, tmp_path: Path) -> None:
    site.name = str(site.script("exit 0").rename(tmp_path / "elsewhere"))
    assert site.fence() is api.Power.OFF


# -- scripts that do not end


@pytest.mark.parametrize("trap", ["", "trap '' TERM INT HUP"])
def test_a_script_that_hangs_is_killed_with_all_of_its_session(site: Site, trap: str) -> None:
    site.script(f"{trap}\nsleep 600 & echo $! $$; wait; sleep 600")
    assert site.fence(_SHORT) is None
    pids = [int(pid) for pid in site.log.read_text().split()]
    assert len(pids) == 2
    _within(_ENDS, lambda: not any(map(_lives, pids)))


def test_a_check_that_hangs_is_no_answer(site: Site) -> None:
    site.script("sleep 600")
    assert site.can_fence(_SHORT) is None


def test_a_script_that_would_return_0_too_late_never_gets_there(site: Site, tmp_path: Path) -> None:
    late = tmp_path / "late"
    site.script(f"trap '' TERM; echo $$; sleep 1; touch {late}; exit 0")
    assert site.fence(_SHORT) is None
    pid = int(site.log.read_text())
    _within(_ENDS, lambda: not _lives(pid))
    assert not late.exists()


def test_a_script_that_returns_0_while_children_hold_its_output_is_off_at_once(site: Site) -> None:
    site.script("sleep 2 & exit 0")
    began = time.monotonic()
    assert site.fence() is api.Power.OFF
    assert time.monotonic() - began < 2


# -- what it prints


def test_a_flood_of_output_harms_nobody(site: Site) -> None:
    site.script("yes 'all work and no play' | head -c 30000000; exit 0")
    assert site.fence() is api.Power.OFF
    assert site.fence() is api.Power.OFF
    kept = sum(file.stat().st_size for file in site.log.parent.iterdir())
    assert kept < 65_000_000  # cut when it is opened, and now and then while it grows


def test_what_it_prints_is_in_its_log_only(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    site.script("echo token=Zaq12wsx; echo token=Zaq12wsx >&2; exit 1")
    with pytest.raises(api.Failed) as failed:
        site.fence()
    seen = site.can_fence()
    assert "Zaq12wsx" not in f"{failed.value} {seen} {caplog.text}"
    assert site.log.read_text().count("Zaq12wsx") == 4
    assert site.log.stat().st_mode & 0o007 == 0  # nobody but root and its group


# -- settings


@pytest.mark.parametrize(("script", "wrong"), [("forcestop.sh", []), ("", ["script"])])
def test_a_script_needs_a_name(script: str, wrong: list[str]) -> None:
    assert [problem.key for problem in validate(Config(script=script))] == wrong
