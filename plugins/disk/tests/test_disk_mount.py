"""disk with a real device: see `site` in conftest.py."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from clpcore import api
from clpcore.runtime.driving.ports import LocalPorts
from clpcore_disk import mounts
from clpcore_disk.settings import Config, DiskType, Force, Timing

T = TypeVar("T")


def _do(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _within(seconds: float, holds: Callable[[], T]) -> T:
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)
    return value


class Site(Protocol):
    """One server with one disk resource, failover1/disk1: see conftest.py."""

    root: Path
    config: Config

    @property
    def call(self) -> api.Call: ...
    def ports(self) -> LocalPorts: ...
    def driver(self) -> api.ResourceDriver: ...
    def activate(self) -> None: ...
    def deactivate(self) -> None: ...
    def probe(self) -> api.Presence: ...
    def change(self, **settings: object) -> None: ...
    @property
    def point(self) -> Path: ...
    def mounted(self) -> list[str]: ...


@pytest.fixture
def busy(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """A process that works on the mounted disk."""
    site.activate()
    with subprocess.Popen(["sleep", "600"], cwd=site.point) as process:
        yield process
        process.kill()


@contextlib.contextmanager
def _container(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the disk mounted in a mount namespace of its own."""
    site.point.mkdir(exist_ok=True)
    script = 'mount "$0" "$1" && echo up && exec sleep 600'
    argv = ["unshare", "--mount", "sh", "-c", script, site.config.device, str(site.point)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as container:
        assert container.stdout is not None
        assert container.stdout.readline() == b"up\n"
        yield container
        container.kill()


# -- the ordinary course of things


def test_the_disk_is_mounted_while_the_resource_is_active(site: Site) -> None:
    assert site.probe() is api.Presence.INACTIVE
    for _ in range(2):
        site.activate()
        assert site.probe() is api.Presence.ACTIVE
        assert site.mounted() == [site.config.mount_point]
    (site.point / "file").write_text("kept")
    for _ in range(2):
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
        assert site.mounted() == []
    site.activate()
    assert (site.point / "file").read_text() == "kept"


def test_a_link_to_the_device_is_the_device(site: Site, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to(site.config.device)
    site.change(device=str(link))
    site.activate()
    assert site.probe() is api.Presence.ACTIVE
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE


def test_a_disk_mounted_read_only_on_purpose_is_active(site: Site) -> None:
    site.change(mount_options="ro,noatime")
    site.activate()
    assert site.probe() is api.Presence.ACTIVE


def test_a_bind_mount_of_it_goes_with_it(site: Site, tmp_path: Path) -> None:
    site.activate()
    (tmp_path / "other").mkdir()
    _do("mount", "--bind", str(site.point), str(tmp_path / "other"))
    site.deactivate()
    assert site.probe() is api.Presence.INACTIVE


# -- what keeps it from being mounted


def test_a_device_that_is_not_there(site: Site) -> None:
    site.change(device="/dev/no-such-disk")
    assert site.probe() is api.Presence.INACTIVE
    with pytest.raises(api.Failed, match="there is no /dev/no-such-disk on this server: attach"):
        site.activate()
    site.deactivate()


def test_something_that_is_no_device(site: Site, tmp_path: Path) -> None:
    site.change(device=str(tmp_path))
    for call in (site.probe, site.activate):
        with pytest.raises(api.Misconfigured, match="is no block device"):
            call()
    site.deactivate()  # an error here would take the server down for a slip of the pen


def test_a_disk_without_a_file_system_is_told_and_never_formatted(blank: Site) -> None:
    with pytest.raises(api.Failed, match=r"has no file system \(blkid returned 2 .* run mkfs.ext4"):
        blank.activate()
    assert blank.probe() is api.Presence.INACTIVE


def test_another_file_system_than_said(site: Site) -> None:
    site.change(file_system="xfs")
    with pytest.raises(api.Misconfigured, match=r"has ext4 .* and file_system is xfs"):
        site.activate()


def test_a_disk_mounted_elsewhere_is_neither_mounted_nor_called_inactive(
    site: Site, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _do("mount", site.config.device, str(other))
    assert site.probe() is api.Presence.BROKEN
    with pytest.raises(api.Failed, match=f"is mounted at {other}, and not by this resource"):
        site.activate()
    with subprocess.Popen(["sleep", "600"], cwd=other) as user:
        with pytest.raises(api.Failed, match=f"umount {other}, and take it off /etc/fstab"):
            site.deactivate()
        assert user.poll() is None  # who works there is none of our business
        user.kill()
    assert site.mounted() == [str(other)]


def test_a_mount_point_that_is_taken(site: Site) -> None:
    site.point.mkdir()
    _do("mount", "-t", "tmpfs", "none", str(site.point))
    with pytest.raises(api.Failed, match="is taken: none is mounted there"):
        site.activate()


def test_a_disk_in_use_in_another_mount_namespace_is_not_free(site: Site) -> None:
    with _container(site) as container:
        assert site.mounted() == []
        assert site.probe() is api.Presence.BROKEN
        with pytest.raises(api.Failed, match="is in use on this server, in another mount name"):
            site.activate()
        site.change(umount_retry=0)
        with pytest.raises(api.Failed, match=rf"sleep \(pid {container.pid}, has it mounted in a"):
            site.deactivate()
        assert container.poll() is None  # we did not mount it: who has it is not ours to kill
    assert site.probe() is api.Presence.INACTIVE


def test_a_container_that_keeps_what_we_have_let_go_is_killed(site: Site) -> None:
    site.activate()
    _do("umount", site.config.mount_point)
    with _container(site) as container:
        site.change(umount_force=Force.NONE, umount_retry=0)
        with pytest.raises(api.Failed, match=rf"sleep \(pid {container.pid}, has it mounted in a"):
            site.deactivate()
        site.change(umount_force=Force.KILL, umount_retry=3)
        site.deactivate()
        assert container.wait(5) == -signal.SIGKILL
    assert site.probe() is api.Presence.INACTIVE


def test_a_write_protected_device_is_not_active(site: Site) -> None:
    _do("blockdev", "--setro", site.config.device)
    try:
        with pytest.raises(api.Failed, match=r"is mounted read-only at .*write-protected"):
            site.activate()
        assert site.probe() is api.Presence.BROKEN
        site.deactivate()
        assert site.probe() is api.Presence.INACTIVE
    finally:
        _do("blockdev", "--setrw", site.config.device)  # the next loop device would inherit it


def test_the_disk_of_the_system_is_left_alone(site: Site) -> None:
    root = mounts.on_top(mounts.table(site.ports()), "/")
    assert root is not None
    if not Path(root.source).is_block_device():
        pytest.skip(f"the root of this machine is {root.source}, no disk")
    site.change(device=root.source)
    for call in (site.probe, site.activate):
        with pytest.raises(api.Misconfigured, match="is the disk of this system"):
            call()
    site.deactivate()


def test_a_disk_that_is_swap_is_left_alone(blank: Site) -> None:
    _do("mkswap", blank.config.device)
    _do("swapon", blank.config.device)
    try:
        with pytest.raises(api.Misconfigured, match="is part of swap"):
            blank.probe()
        blank.deactivate()
    finally:
        _do("swapoff", blank.config.device)


def test_a_mount_that_fails_is_checked_and_tried_again(site: Site) -> None:
    site.change(mount_options="no_such_option", mount_retry=1)
    with pytest.raises(api.Failed, match=r"cannot be mounted at .*: mount returned 32 and said"):
        site.activate()
    log = site.root / "var/log/clpcore/failover1/disk1/fsck.log"
    assert "clean" in log.read_text()


# -- checks


@pytest.mark.parametrize(
    ("timing", "checks"), [(Timing.NOT, 0), (Timing.ALWAYS, 4), (Timing.COUNT, 2)]
)
def test_the_file_system_is_checked_by_timing(site: Site, timing: Timing, checks: int) -> None:
    site.change(fsck_timing=timing, fsck_interval=2)
    for _ in range(4):
        site.activate()
        site.deactivate()
    log = site.root / "var/log/clpcore/failover1/disk1/fsck.log"
    assert (log.read_text() if log.exists() else "").count("clean") == checks


def test_a_reboot_does_not_begin_the_count_anew(site: Site) -> None:
    site.change(fsck_timing=Timing.COUNT, fsck_interval=2)
    for _ in range(2):
        site.activate()
        site.deactivate()
        shutil.rmtree(site.root / "run")
    assert "clean" in (site.root / "var/log/clpcore/failover1/disk1/fsck.log").read_text()


def test_a_mount_that_cannot_be_counted_is_a_mount(site: Site) -> None:
    counts = site.root / "var/lib/clpcore/resources"
    counts.parent.mkdir(parents=True)
    counts.write_text("no folder, as on a broken system disk")
    site.activate()
    assert site.probe() is api.Presence.ACTIVE


def test_a_file_system_that_a_check_cannot_repair_is_not_mounted(site: Site) -> None:
    _do("debugfs", "-w", "-R", "clri <2>", site.config.device)  # the root folder is gone
    site.change(fsck_timing=Timing.ALWAYS, fsck_options="-n -f")
    with pytest.raises(api.Failed, match=r"fsck returned \d+: .*fsck\.log, then repair it by hand"):
        site.activate()
    assert site.mounted() == []


# -- who uses it


def test_who_uses_the_disk_is_killed_and_it_is_unmounted(
    site: Site, busy: subprocess.Popen[bytes]
) -> None:
    site.deactivate()
    assert busy.wait(5) == -signal.SIGKILL
    assert site.probe() is api.Presence.INACTIVE


def test_who_uses_the_disk_is_spared_and_named_if_so_configured(
    site: Site, busy: subprocess.Popen[bytes]
) -> None:
    site.change(umount_force=Force.NONE, umount_retry=1)
    named = rf"umount returned 32 .*; used by sleep \(pid {busy.pid}, works in it\): end them"
    with pytest.raises(api.Failed, match=named):
        site.deactivate()
    assert busy.poll() is None
    assert site.probe() is api.Presence.ACTIVE


def test_a_disk_that_comes_free_meanwhile_is_unmounted_by_a_later_try(
    site: Site, busy: subprocess.Popen[bytes]
) -> None:
    site.change(umount_force=Force.NONE, umount_retry=99)

    async def play() -> None:
        stopping = asyncio.ensure_future(site.driver().deactivate(site.call, site.ports()))
        await asyncio.sleep(0.2)
        assert not stopping.done()
        busy.kill()
        busy.wait()
        await stopping

    asyncio.run(play())
    assert site.probe() is api.Presence.INACTIVE


def test_what_is_mounted_below_it_is_told_and_stays(site: Site) -> None:
    site.activate()
    (site.point / "below").mkdir()
    _do("mount", "-t", "tmpfs", "none", str(site.point / "below"))
    site.change(umount_retry=0)
    with pytest.raises(api.Failed, match="no process has a file of it open: look for a mount bel"):
        site.deactivate()
    assert site.probe() is api.Presence.ACTIVE
    _do("umount", str(site.point / "below"))


def test_what_hides_the_disk_is_told(site: Site) -> None:
    site.activate()
    _do("mount", "-t", "tmpfs", "none", str(site.point))
    assert site.probe() is api.Presence.BROKEN
    site.change(umount_retry=0)
    with pytest.raises(api.Failed, match="none is mounted over it at"):
        site.deactivate()
    _do("umount", str(site.point))


# -- raw disks


def test_a_raw_disk_is_looked_after_and_left_alone(blank: Site) -> None:
    blank.change(disk_type=DiskType.RAW, mount_point="")
    assert blank.probe() is api.Presence.INACTIVE
    for _ in range(2):
        blank.activate()
        assert blank.probe() is api.Presence.ACTIVE
    for _ in range(2):
        blank.deactivate()
        assert blank.probe() is api.Presence.INACTIVE


def test_a_raw_disk_that_is_mounted_is_refused(site: Site, tmp_path: Path) -> None:
    site.change(disk_type=DiskType.RAW, mount_point="")
    site.activate()
    (tmp_path / "other").mkdir()
    _do("mount", site.config.device, str(tmp_path / "other"))
    assert site.probe() is api.Presence.BROKEN
    for call in (site.activate, site.deactivate):
        with pytest.raises(api.Failed, match="is a raw disk, and somebody has mounted it at"):
            call()
