"""Programs that the doctor runs: how they end, what is kept of their words, what they leave."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from clpcore.ctl.doctor import running
from clpcore.ctl.doctor.findings import Blind
from clpcore.ctl.doctor.machine import Machine


def _python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", f"import os, sys, time\n{code}"]


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_it_is_given_and_says_is_whole() -> None:
    before = _descriptors()
    echo = _python("sys.stdout.write(sys.stdin.read()); sys.stderr.write('why'); sys.exit(3)")
    text = b"x" * 300_000
    ended = running.run(echo, seconds=10, most=300_000, given=text)
    assert ended == running.Ended(3, text, b"why", late=False, much=False)
    assert _descriptors() == before


def test_it_is_ended_at_its_deadline_and_what_it_said_is_kept() -> None:
    begun = time.monotonic()
    hang = _python("os.write(1, b'early'); time.sleep(60)")
    ended = running.run(hang, seconds=1, most=100)
    assert (ended.code, ended.out, ended.late) == (-signal.SIGKILL, b"early", True)
    assert time.monotonic() - begun < 5


def test_it_is_ended_when_it_says_too_much() -> None:
    ended = running.run(_python("while True: os.write(1, b'x' * 1000)"), seconds=10, most=5_000)
    assert (ended.out, ended.much, ended.late) == (b"x" * 5_000, True, False)
    ended = running.run(_python("os.write(1, b'x' * 5000)"), seconds=10, most=5_000)
    assert (ended.code, len(ended.out), ended.much) == (0, 5_000, False)


def test_only_the_end_of_its_complaints_is_kept() -> None:
    ended = running.run(_python("sys.stderr.write('x' * 9_000_000 + 'why')"), seconds=10, most=10)
    assert ended.code == 0
    assert len(ended.err) <= running._COMPLAINT
    assert ended.err.endswith(b"xwhy")


def test_who_holds_its_pipes_open_is_not_waited_for() -> None:
    """A child that has left its session lives on, and nobody waits for the end of its pipe."""
    begun = time.monotonic()
    leave = "os.write(1, b'said')\nif os.fork() == 0:\n os.setsid()\n time.sleep(4)"
    ended = running.run(_python(leave), seconds=30, most=100)
    assert (ended.code, ended.out, ended.late) == (0, b"said", False)
    assert time.monotonic() - begun < 4


def test_a_program_that_is_not_there_is_the_callers_affair(tmp_path: Path) -> None:
    before = _descriptors()
    with pytest.raises(FileNotFoundError):
        running.run([str(tmp_path / "none")], seconds=1, most=1)
    assert _descriptors() == before


def test_the_machine_calls_what_it_could_not_hear_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLP_LANG", "en")
    monkeypatch.setattr("clpcore.ctl.doctor.machine._SAID", 1_000)
    monkeypatch.setattr("clpcore.ctl.doctor.machine._PROGRAM", 1.0)
    assert Machine().run(*_python("print('all')")) == (0, "all\n", "")
    with pytest.raises(Blind, match="did not answer: it said more than 1000 bytes"):
        Machine().run(*_python("print('x' * 5000)"))
    with pytest.raises(Blind, match="did not answer: no answer within 1 s"):
        Machine().run(*_python("time.sleep(60)"))
    with pytest.raises(Blind, match="is not here"):
        Machine().run(str(tmp_path / "none"))
