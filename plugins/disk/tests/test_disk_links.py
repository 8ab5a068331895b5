"""disk when the path of its device leads elsewhere, or nowhere, while the device is mounted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving.ports import LocalPorts
from clpcore_disk import mounts, note
from clpcore_disk.settings import Config, DiskType


class Site(Protocol):
    """One server with one disk resource, failover1/disk1: see conftest.py."""

    config: Config

    def ports(self) -> LocalPorts: ...
    def activate(self) -> None: ...
    def deactivate(self) -> None: ...
    def probe(self) -> api.Presence: ...
    def change(self, **settings: object) -> None: ...
    @property
    def point(self) -> Path: ...


def _do(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@attrs.frozen
class Linked:
    """A disk that is named by a link, and another disk of this server, of somebody else."""

    site: Site
    link: Path
    disk: str
    stranger: str
    image: Path  # of the stranger

    def lead(self, to: str) -> None:
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(to)

    def seen(self, device: str) -> list[str]:
        return [m.point for m in mounts.table(self.site.ports()) if m.source == device]

    def content(self) -> bytes:
        _do("blockdev", "--flushbufs", self.stranger)
        return self.image.read_bytes()


@pytest.fixture
def linked(site: Site, make_device: Callable[[int], str], tmp_path: Path) -> Linked:
    disk, stranger = site.config.device, make_device(16)
    _do("mkfs.ext2", "-q", stranger)
    image = Path(_do("losetup", "--noheadings", "--output", "BACK-FILE", stranger))
    found = Linked(site, tmp_path / "by-id", disk, stranger, image)
    found.lead(disk)
    site.change(device=str(found.link), umount_retry=0)
    return found


@pytest.mark.parametrize("leads", ["/nowhere", "/dev/null"])
def test_a_disk_whose_link_has_gone_is_still_ours(linked: Linked, leads: str) -> None:
    """A stop that only forgets the disk would let another server mount it, too."""
    linked.site.activate()
    linked.lead(leads)
    assert linked.site.probe() is api.Presence.BROKEN
    with pytest.raises(api.DriverError):
        linked.site.activate()
    linked.site.deactivate()
    assert linked.seen(linked.disk) == []
    linked.lead(linked.disk)
    assert linked.site.probe() is api.Presence.INACTIVE


def test_a_link_to_another_disk_makes_it_neither_ours_nor_ours_free(linked: Linked) -> None:
    before = linked.content()
    linked.site.activate()
    linked.lead(linked.stranger)
    assert linked.site.probe() is api.Presence.BROKEN
    with pytest.raises(api.Failed, match=rf"{linked.disk}, which this resource has mounted, is st"):
        linked.site.activate()
    linked.site.deactivate()
    assert linked.seen(linked.disk) == []
    assert linked.content() == before


def test_a_disk_that_the_link_leads_to_now_stays_mounted_for_its_owner(
    linked: Linked, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _do("mount", linked.stranger, str(other))
    linked.site.activate()
    linked.lead(linked.stranger)
    with subprocess.Popen(["sleep", "600"], cwd=other) as user:
        with pytest.raises(api.Failed, match=f"is mounted at {other}, and not by this resource"):
            linked.site.deactivate()
        assert user.poll() is None
        user.kill()
    assert linked.seen(linked.disk) == []
    assert linked.seen(linked.stranger) == [str(other)]


@pytest.mark.parametrize("leads", ["/nowhere", "/dev/null"])
def test_what_may_be_our_disk_is_not_called_stopped(linked: Linked, leads: str) -> None:
    """Mounted by hand, or by a life that nobody remembers: no note says whose it is."""
    linked.lead(leads)
    linked.site.point.mkdir()
    _do("mount", linked.disk, str(linked.site.point))
    for call in (linked.site.probe, linked.site.activate, linked.site.deactivate):
        with pytest.raises(api.Failed, match=rf"{linked.disk} is mounted at .*nobody knows wheth"):
            call()
    assert linked.seen(linked.disk) == [str(linked.site.point)]


def test_what_can_be_told_from_a_disk_keeps_nobody(linked: Linked) -> None:
    linked.lead("/nowhere")
    linked.site.point.mkdir()
    _do("mount", "-t", "tmpfs", "none", str(linked.site.point))
    assert linked.site.probe() is api.Presence.INACTIVE
    linked.site.deactivate()
    assert linked.seen("none") == [str(linked.site.point)]


def test_a_note_of_a_disk_that_is_not_in_use_any_more_means_nothing(linked: Linked) -> None:
    linked.site.activate()
    _do("umount", str(linked.site.point))
    linked.lead(linked.stranger)
    assert linked.site.probe() is api.Presence.INACTIVE
    linked.site.activate()
    assert linked.seen(linked.stranger) == [str(linked.site.point)]
    linked.site.deactivate()
    assert note.read(linked.site.ports()) is None


def test_a_damaged_note_is_told_and_nothing_is_concluded(linked: Linked) -> None:
    linked.site.activate()
    path = f"{linked.site.ports().places.run}/device"
    Path(path).write_text("7:")
    for call in (linked.site.probe, linked.site.deactivate):
        with pytest.raises(api.Failed, match=f"{path} is damaged: nobody knows which device"):
            call()
    assert linked.seen(linked.disk) == [str(linked.site.point)]


def test_a_raw_disk_whose_link_has_gone_is_let_go(linked: Linked) -> None:
    linked.site.change(disk_type=DiskType.RAW, mount_point="")
    linked.site.activate()
    linked.lead(linked.stranger)
    assert linked.site.probe() is api.Presence.BROKEN
    linked.lead("/dev/null")
    linked.site.deactivate()
    linked.lead(linked.disk)
    assert linked.site.probe() is api.Presence.INACTIVE
