"""Who uses a file system: real processes on a real disk (`device` of conftest.py)."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from clpcore_disk import users

T = TypeVar("T")


def _do(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, check=True)


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


@pytest.fixture
def disk(device: str, tmp_path: Path) -> Path:
    """Where a disk is mounted."""
    _do("mkfs.ext4", "-q", device)
    point = tmp_path / "mnt with blank"
    point.mkdir()
    _do("mount", device, str(point))
    return point


def _number(disk: Path) -> frozenset[str]:
    number = disk.stat().st_dev
    return frozenset({f"{os.major(number)}:{os.minor(number)}"})


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("exec 3>'{0}/open'; echo; exec sleep 600", "/open open"),
        ("cp /bin/sleep '{0}/it'; echo; exec '{0}/it' 600", "runs from it"),
        ("cd '{0}'; echo; exec sleep 600", "works in it"),
    ],
)
def test_users_are_found_by_what_they_hold(disk: Path, script: str, how: str) -> None:
    argv = ["sh", "-c", script.format(disk)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        numbers = _number(disk)
        found = _within(5, lambda: [u for u in users.find(numbers, True) if how in u.how])
        assert [user.pid for user in found] == [process.pid]
        users.kill([attrs.evolve(found[0], started="1")])  # another process with its number
        assert process.poll() is None
        users.kill(found)
        assert process.wait(5) == -signal.SIGKILL


def test_a_service_whose_namespace_follows_ours_is_no_user(disk: Path) -> None:
    argv = ["unshare", "--mount", "sh", "-c", "echo; exec sleep 600"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        service.stdout.readline()
        number = _number(disk)
        assert users.find(number, True) == ()
        assert [user.pid for user in users.find(number, False)] == [service.pid]
        service.kill()


def test_we_ourselves_are_no_user(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(disk)
    assert users.find(_number(disk), True) == ()
