"""disk on xfs, which fsck leaves alone and xfs_repair mends: a real one, on a loop device."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from clpcore import api
from clpcore_disk.settings import Config, Timing

SMALLEST = 300  # MiB, below which mkfs.xfs refuses

pytestmark = pytest.mark.skipif(
    shutil.which("mkfs.xfs") is None, reason="there is no mkfs.xfs: apt-get install xfsprogs"
)


class Site(Protocol):
    """One server with one disk resource, failover1/disk1: see conftest.py."""

    root: Path
    config: Config

    def activate(self) -> None: ...
    def deactivate(self) -> None: ...
    def probe(self) -> api.Presence: ...
    def change(self, **settings: object) -> None: ...
    @property
    def point(self) -> Path: ...


def _do(*argv: str) -> None:
    subprocess.run(argv, capture_output=True, check=True)


@pytest.fixture
def xfs(blank: Site, make_device: Callable[[int], str]) -> Site:
    device = make_device(SMALLEST)
    _do("mkfs.xfs", "-q", "-K", device)
    blank.change(device=device)
    return blank


def _log(site: Site) -> str:
    log = site.root / "var/log/clpcore/failover1/disk1/fsck.log"
    return log.read_text() if log.exists() else ""


def test_an_xfs_is_mounted_and_unmounted(xfs: Site) -> None:
    xfs.change(file_system="xfs", fsck_timing=Timing.ALWAYS)  # fsck.xfs does nothing, and is fine
    xfs.activate()
    assert xfs.probe() is api.Presence.ACTIVE
    (xfs.point / "file").write_text("kept")
    xfs.deactivate()
    assert xfs.probe() is api.Presence.INACTIVE
    xfs.activate()
    assert (xfs.point / "file").read_text() == "kept"
    xfs.deactivate()


def test_a_disk_whose_copy_is_mounted_is_not_mounted_beside_it(
    blank: Site, make_device: Callable[[int], str], tmp_path: Path
) -> None:
    """A snapshot that was attached to the same server has the same UUID, and xfs refuses that."""
    disk, copy, other = make_device(SMALLEST), make_device(SMALLEST), tmp_path / "other"
    for device in (disk, copy):
        _do("mkfs.xfs", "-q", "-K", "-m", f"uuid={uuid.UUID(int=1)}", device)
    other.mkdir()
    _do("mount", copy, str(other))
    blank.change(device=disk, mount_retry=0)
    with pytest.raises(api.Failed, match=r"cannot be mounted at .*: mount returned 32"):
        blank.activate()
    blank.deactivate()
    assert blank.probe() is api.Presence.INACTIVE


@pytest.mark.parametrize("repair", [False, True])
def test_a_damaged_xfs_is_repaired_only_when_so_configured(xfs: Site, *, repair: bool) -> None:
    _do("xfs_db", "-x", "-c", "agi 0", "-c", "write -c magicnum 0", xfs.config.device)
    xfs.change(xfs_repair_on_mount_failure=repair, mount_retry=1)
    if not repair:
        with pytest.raises(api.Failed, match=r"cannot be mounted at .*: mount returned 32"):
            xfs.activate()
        assert _log(xfs) == ""
        return
    xfs.activate()
    assert xfs.probe() is api.Presence.ACTIVE
    assert "agi" in _log(xfs).lower()
    xfs.deactivate()
