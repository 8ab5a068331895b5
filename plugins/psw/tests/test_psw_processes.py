"""psw with real processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_psw import processes
from clpcore_psw.monitor import Config, Psw, validate

_CALL = api.Call(
    event=api.Event.START,
    role=api.Role.ACTIVE,
    epoch=1,
    server="node1",
    home="node1",
    previous="",
    group="failover1",
    resource="exec1",
    monitor="psw1",
)


@attrs.frozen
class Running:
    """A process that waits, with a mark of this test on its command line."""

    process: subprocess.Popen[bytes]
    mark: str
    line: str


@pytest.fixture
def running() -> Iterator[Running]:
    mark = uuid.uuid4().hex
    argv = ["sh", "-c", "read line", "it", mark, "--last"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as process:
        yield Running(process, mark, " ".join(argv))
        process.kill()


def _look(process: str, minimum: int = 1) -> api.Observation:
    root = Root(Path("/nowhere"))
    ports = LocalPorts(_CALL, Folders.of(root, _CALL), Limits())
    return asyncio.run(Psw(Config(process=process, minimum=minimum)).observe(_CALL, ports))


def test_the_whole_command_line_is_compared(running: Running) -> None:
    assert _look(running.line) == api.Observation(
        api.Health.NORMAL, f"1 process lives of 1 or more: {running.line}"
    )
    for other in ("sh", running.mark, running.line[:-1], f"{running.line} more"):
        assert _look(other).health is api.Health.ERROR


@pytest.mark.parametrize("form", ["*{0}*", "sh*{0}*", "*{0} --last", "sh -c *{0} --last"])
def test_a_star_stands_for_anything(running: Running, form: str) -> None:
    assert _look(form.format(running.mark)).health is api.Health.NORMAL


def test_other_signs_stand_for_themselves(running: Running) -> None:
    pattern = running.line.replace("sh", "s.")
    assert _look(pattern).health is api.Health.ERROR


def test_too_few_are_an_error(running: Running) -> None:
    assert _look(running.line, minimum=2) == api.Observation(
        api.Health.ERROR, f"1 process lives of 2 or more: {running.line}"
    )


def test_a_process_that_has_ended_does_not_count_even_as_a_zombie(running: Running) -> None:
    running.process.kill()
    with open(f"/proc/{running.process.pid}/stat", "rb") as stat:  # noqa: PTH123 - waits for Z
        while b") Z " not in stat.read():
            stat.seek(0)
    assert _look(running.line).sentence.startswith("0 processes live of 1")


def test_threads_of_the_kernel_are_no_processes() -> None:
    lines = processes.command_lines()
    assert any(sys.executable.rsplit("/", 1)[-1] in line or "pytest" in line for line in lines)
    assert not [line for line in lines if not line or "kthreadd" in line]


@pytest.mark.parametrize("process", ["", " ", "*", "* *"])
def test_a_pattern_that_says_nothing_is_refused(process: str) -> None:
    assert [problem.key for problem in validate(Config(process=process))] == ["process"]


def test_a_pattern_that_says_something_is_taken() -> None:
    assert list(validate(Config(process="*httpd*"))) == []
