"""What is wrong with a disk's settings, and how long the core waits."""

from __future__ import annotations

from typing import cast

import pytest

from clpcore import api
from clpcore.testing import World
from clpcore_disk import monitor, mounts, settings
from clpcore_disk.mounts import Mount
from clpcore_disk.resource import SPEC
from clpcore_disk.settings import Config, DiskType

_GOOD = Config(device="/dev/sdc1", mount_point="/mnt/data")


def _keys(config: Config) -> list[str]:
    return [problem.key for problem in settings.validate(config)]


@pytest.mark.parametrize("point", ["", "/", "mnt", "/mnt/../etc", "/mnt/"])
def test_a_place_where_no_disk_can_be_mounted(point: str) -> None:
    assert _keys(Config(device="/dev/sdc1", mount_point=point)) == ["mount_point"]


def test_settings_that_are_good_or_not() -> None:
    assert _keys(_GOOD) == []
    assert _keys(Config(device="/dev/sdc", disk_type=DiskType.RAW)) == []
    assert _keys(Config(device="sdc1", mount_point="/mnt/data")) == ["device"]
    bad = Config(device="/dev/sdc1", mount_point="/mnt/data", fsck_options='-y "')
    assert _keys(bad) == ["fsck_options"]


def test_the_core_waits_longer_than_all_tries() -> None:
    tries = 4
    assert SPEC.defaults["activate_timeout"] == 2 * 7_200_000 + tries * 180_000 + 180_000
    assert SPEC.defaults["deactivate_timeout"] == tries * 125_000 + 180_000


def test_a_monitor_needs_what_its_method_looks_at() -> None:
    read, write = monitor.Config(), monitor.Config(method=monitor.Method.WRITE_FILE)
    assert [problem.key for problem in monitor.validate(read)] == ["device"]
    assert [problem.key for problem in monitor.validate(write)] == ["file"]


# -- the kernel's table of mounts

_ROOT = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro"


def _table(text: str) -> tuple[Mount, ...]:
    world = World(files={"/proc/self/mountinfo": text})
    return mounts.table(cast("api.Ports", world))  # it reads, and nothing else


def test_a_line_says_what_is_mounted_where() -> None:
    line = (
        r"63 22 7:0 /sub /mnt/a\040b ro,noatime master:1 shared:2 - xfs /dev/disk/by-id/x\134y rw"
    )
    *_, found = _table(f"{_ROOT}\n{line}\n")
    assert found == Mount(
        number="7:0",
        point="/mnt/a b",
        type="xfs",
        source=r"/dev/disk/by-id/x\y",
        options=frozenset({"ro", "noatime", "rw"}),
    )
    assert mounts.on_top(_table(_ROOT), "/mnt") is None


@pytest.mark.parametrize(
    "text", ["", "nonsense", _ROOT[:20], "63 22 7:0 / /mnt rw - ext4 /dev/sdc1 rw"]
)
def test_a_table_that_is_not_whole_is_not_believed(text: str) -> None:
    with pytest.raises(api.Failed, match="/proc/self/mountinfo"):
        _table(text)
