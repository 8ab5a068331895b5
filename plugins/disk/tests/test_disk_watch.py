"""diskw on a real disk (`device` of conftest.py)."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_disk.monitor import Config, Diskw, Method


def _do(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, check=True)


@attrs.frozen
class Disk:
    """A mounted disk and its monitor."""

    device: str
    point: Path

    def observe(self, method: Method = Method.READ) -> api.Observation:
        config = Config(device=self.device, mount_point=str(self.point), method=method)
        call = api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource="disk1",
            monitor="diskw1",
        )
        ports = LocalPorts(call, Folders.of(Root(self.point.parent), call), Limits())
        return asyncio.run(Diskw(config).observe(call, ports))


@pytest.fixture
def disk(device: str, tmp_path: Path) -> Disk:
    _do("mkfs.ext4", "-q", device)
    point = tmp_path / "mnt with blank"
    point.mkdir()
    _do("mount", device, str(point))
    return Disk(device, point)


@pytest.mark.parametrize("method", list(Method))
def test_a_disk_that_answers_is_normal(disk: Disk, method: Method) -> None:
    assert disk.observe(method).health is api.Health.NORMAL


def test_a_disk_that_is_not_mounted_or_read_only_is_an_error(disk: Disk) -> None:
    _do("mount", "-o", "remount,ro", str(disk.point))
    assert "has become read-only" in disk.observe().sentence
    _do("umount", str(disk.point))
    assert disk.observe() == api.Observation(
        api.Health.ERROR, f"nothing is mounted at {disk.point}"
    )


def test_a_disk_that_does_not_answer_is_an_error(disk: Disk) -> None:
    seen = attrs.evolve(disk, device="/dev/no-such-disk").observe()
    assert seen.health is api.Health.ERROR
    assert "No such file or directory" in seen.sentence


def test_a_full_disk_is_a_warning(disk: Disk) -> None:
    for name in ("big", "rest"):
        fill = ["dd", "if=/dev/zero", f"of={disk.point / name}", "bs=1K", "conv=fsync"]
        subprocess.run(fill, capture_output=True, check=False)
    assert disk.observe(Method.WRITE_FILE).health is api.Health.WARNING
