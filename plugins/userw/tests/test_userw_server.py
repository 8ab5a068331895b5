"""userw on this machine: real processes, files, and a server that stands still for a while."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clpcore import api
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_userw import pressure
from clpcore_userw.userspace import Config, Userw, validate

_NO_MEMORY = {"memory_warning": 0, "memory_error": 0}  # this machine's is no matter of these tests
_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=0,
    server="node1",
    home="node1",
    previous="",
    group="",
    resource="",
    monitor="userw",
)


def observe(root: Path, **settings: object) -> api.Observation:
    ports = LocalPorts(_CALL, Folders.of(Root(root), _CALL), Limits())
    config = Config(**{**_NO_MEMORY, **settings})  # type: ignore[arg-type]  # by name
    return asyncio.run(Userw(config).observe(_CALL, ports))


def _install(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let *name* be this script for what the monitor runs."""
    path = folder / "bin" / name
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")


def test_a_server_that_works_is_normal_and_its_file_is_beside_the_logs(tmp_path: Path) -> None:
    seen = observe(tmp_path)
    assert seen == api.Observation(api.Health.NORMAL, "this server does its work in time")
    file = tmp_path / "var/log/clpcore/monitor/userw/.clpcore-userw"
    assert file.stat().st_size == 10_000


def test_no_file_is_written_when_none_is_wanted(tmp_path: Path) -> None:
    assert observe(tmp_path, write_size=0).health is api.Health.NORMAL
    assert list(tmp_path.rglob(".clpcore-userw")) == []


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    seen = observe(tmp_path, folder=str(tmp_path / "file/folder"))
    assert seen.health is api.Health.ERROR
    assert "Not a directory" in seen.sentence


@pytest.mark.netns
def test_a_file_system_without_space_is_a_warning(tmp_path: Path) -> None:
    text = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "import test_userw_server as t;"
        "print(t.observe(Path(sys.argv[2]), write_size=100_000))"
    )
    mounted = f'mount -t tmpfs -o size=16k tmpfs {tmp_path} && exec "$@"'
    python = [sys.executable, "-c", text, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh", *python],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Health.WARNING" in done.stdout, done.stderr
    assert "No space left on" in done.stdout  # the rest is cut off where the folder's name is long


def test_processes_that_do_not_end_are_an_error_and_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, "true", f"trap '' TERM; echo $$ >{tmp_path}/pid; sleep 600", monkeypatch)
    seen = observe(tmp_path, warning_after=100, error_after=1_000)
    assert seen == api.Observation(
        api.Health.ERROR,
        "it was not possible to start a process: true was killed: it had not ended after 1 s",
        certain=True,  # had it not been possible to kill it, no second look would begin
    )
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()


def test_processes_that_take_their_time_are_a_warning_in_the_same_words_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    _install(tmp_path, "true", f"[ -e {seen} ] && sleep 0.1; touch {seen}; sleep 0.3", monkeypatch)
    for _ in range(2):
        assert observe(tmp_path, warning_after=250, error_after=10_000) == api.Observation(
            api.Health.WARNING, "it took more than 0.25 s to start a process"
        )


def test_a_process_that_did_not_get_its_turn_for_a_while_is_seen(tmp_path: Path) -> None:
    def stand_still() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    async def look() -> api.Observation:
        ports = LocalPorts(_CALL, Folders.of(Root(tmp_path), _CALL), Limits())
        asyncio.get_running_loop().call_later(0.02, stand_still)
        config = Config(warning_after=500, write_size=0, memory_warning=0, memory_error=0)
        return await Userw(config).observe(_CALL, ports)

    pid = os.fork()
    if pid == 0:
        expected = api.Observation(api.Health.WARNING, "it took more than 0.5 s to get its turn")
        os._exit(0 if asyncio.run(look()) == expected else 1)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    time.sleep(0.7)
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


# -- memory


_FIGURES = (
    "some avg10=99.00 avg60=98.00 avg300=0.00 total=1\n"
    "full avg10=10.00 avg60=42.50 avg300=0.00 total=0\n"
)


def test_the_last_minute_in_which_nobody_could_go_on_counts(tmp_path: Path) -> None:
    file = tmp_path / "memory"
    file.write_text(_FIGURES)
    assert pressure.memory(file) == 42.5


def test_a_kernel_without_the_figures_is_no_trouble(tmp_path: Path) -> None:
    assert pressure.memory(tmp_path / "memory") is None


def test_a_kernel_that_was_started_without_them_is_none_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(_: Path) -> str:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(Path, "read_text", refuses)
    assert pressure.memory() is None


@pytest.mark.parametrize("text", ["", "some avg60=1.0\n", "full avg60\n", "full avg10=1\n"])
def test_what_is_no_figure_is_no_answer(text: str, tmp_path: Path) -> None:
    file = tmp_path / "memory"
    file.write_text(text)
    with pytest.raises((ValueError, KeyError)):
        pressure.memory(file)


@pytest.mark.skipif(not pressure.MEMORY.exists(), reason="this kernel keeps no pressure figures")
def test_this_machine_has_figures_or_says_that_it_has_none() -> None:
    share = pressure.memory()
    assert share is None or 0 <= share <= 100


# -- settings


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (Config(), []),
        (Config(memory_error=0, memory_warning=100), []),
        (Config(warning_after=60_000), ["warning_after"]),
        (Config(memory_warning=80), ["memory_warning"]),
        (Config(folder="var/tmp"), ["folder"]),
    ],
)
def test_warnings_come_before_errors(config: Config, wrong: list[str]) -> None:
    assert [problem.key for problem in validate(config)] == wrong
