"""Modes, room, file systems and fstab: what is found, and that nothing unknown passes for well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from clpcore.ctl.doctor import files
from clpcore.ctl.doctor.case import Case
from clpcore.ctl.doctor.findings import Blind, Finding
from clpcore.model.config import ClusterConfig
from clpcore.model.members import Group, Resource

Found = Callable[[Callable[[Case], Iterator[Finding]], Case], Mapping[str, tuple[str, str]]]

Given: TypeAlias = Any  # the machine of conftest.py, which cannot be imported

_MIB = 1024 * 1024


@pytest.fixture
def key(case: Case) -> Path:
    path = case.where.root.key
    path.write_text("secret")
    path.chmod(0o600)
    return path


def test_places_of_the_right_owner_and_mode_are_well(case: Case, key: Path, found: Found) -> None:
    told = found(files.paths, case)
    assert {severity for severity, _ in told.values()} == {"ok"}
    assert told[str(key)] == ("ok", f"uid {os.geteuid()}, 0600")


@pytest.mark.parametrize(("mode", "severity"), [(0o600, "ok"), (0o400, "ok"), (0o640, "error")])
def test_nobody_else_may_read_the_key(
    case: Case, key: Path, mode: int, severity: str, found: Found
) -> None:
    key.chmod(mode)
    told = found(files.paths, case)
    assert [each for what, (each, _) in told.items() if what.startswith(str(key))] == [severity]


def test_the_remedy_takes_away_only_what_is_too_much(case: Case, key: Path) -> None:
    key.chmod(0o644)
    (wrong,) = [each for each in files.paths(case) if each.severity == "error"]
    assert (wrong.what, wrong.remedy) == (f"{key} is open to other users", f"chmod 0600 {key}")


def test_others_may_not_write_scripts(case: Case, key: Path, found: Found) -> None:
    scripts = case.where.root.scripts
    scripts.chmod(0o777)
    severity, value = found(files.paths, case)[f"{scripts} is open to other users"]
    assert (severity, value[-4:]) == ("error", "0777")
    assert key.exists()


def test_a_place_of_another_user(case: Case, key: Path, found: Found) -> None:
    told = found(files.paths, attrs.evolve(case, owner=os.geteuid() + 1))
    assert told[f"{key} belongs to another user"][0] == "error"


def test_a_key_that_is_missing_is_an_error_and_a_store_is_not(case: Case, found: Found) -> None:
    told = found(files.paths, case)
    assert told[f"{case.where.root.key} is missing"][0] == "error"
    assert str(case.where.root.store) not in told


def test_a_place_that_cannot_be_looked_at_is_unknown(
    case: Case, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> os.stat_result:
        raise Blind("permission denied", "look again as root")

    monkeypatch.setattr(type(case.machine), "stat", lambda _, path: refuse(path))
    told = found(files.paths, case)
    assert {severity for severity, _ in told.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("free", "names", "severity"),
    [
        (1 << 40, 1 << 20, "ok"),
        (500 * _MIB, 1 << 20, "warning"),
        (50 * _MIB, 1 << 20, "error"),
        (1 << 40, 10, "error"),
    ],
)
def test_room_is_needed(
    case: Case, machine: Given, free: int, names: int, severity: str, found: Found
) -> None:
    machine.free = free, names
    assert [each for each, _ in found(files.space, case).values()] == [severity]


def test_room_is_looked_for_before_the_folders_are_made(case: Case, found: Found) -> None:
    case.where.root.store.parent.rmdir()
    assert [severity for severity, _ in found(files.space, case).values()] == ["ok"]


# -- file systems


def _mounted(case: Case, machine: Given, of_root: str, of_store: str = "") -> None:
    store = str(case.where.root.store.parent).replace(" ", "\\040")
    lines = [f"/dev/sda1 / {of_root} 0 0", "proc /proc proc rw 0 0"]
    lines += [f"/dev/sdb1 {store} {of_store} 0 0"] if of_store else []
    machine.files["/proc/self/mounts"] = "\n".join(lines)


@pytest.mark.parametrize(
    ("mounted", "severity", "words"),
    [
        ("ext4 rw,relatime", "ok", "file system of /"),
        ("nfs4 rw", "error", "network file system"),
        ("fuse.sshfs rw", "error", "network file system"),
        ("ocfs2 rw", "error", "network file system"),
        ("ext4 ro,relatime", "error", "read-only"),
        ("ext4 rw,errors=continue", "warning", "after an error"),
        ("ext4 rw,errors=remount-ro", "ok", "file system of /"),
        ("xfs rw,discard", "warning", "discards"),
        ("tmpfs rw", "error", "in memory"),
    ],
)
def test_the_root_file_system(
    case: Case, machine: Given, mounted: str, severity: str, words: str, found: Found
) -> None:
    _mounted(case, machine, mounted)
    ((what, (told, value)),) = found(files.file_systems, case).items()
    assert (told, words in what, value) == (severity, True, mounted)


def test_a_volatile_root_does_no_harm_with_the_store_elsewhere(
    case: Case, machine: Given, found: Found
) -> None:
    _mounted(case, machine, "tmpfs rw", "xfs rw")
    assert {severity for severity, _ in found(files.file_systems, case).values()} == {"ok"}
    _mounted(case, machine, "xfs rw", "tmpfs rw")
    assert "error" in {severity for severity, _ in found(files.file_systems, case).values()}


def test_the_mount_made_last_counts(case: Case, machine: Given, found: Found) -> None:
    machine.files["/proc/self/mounts"] = "none / rootfs rw 0 0\n/dev/sda1 / ext4 ro 0 0\n"
    assert "error" in {severity for severity, _ in found(files.file_systems, case).values()}


# -- fstab


@pytest.fixture
def with_disk(case: Case, config: ClusterConfig) -> Case:
    settings = {"device": "/dev/disk/by-id/one", "mount_point": "/mnt/data"}
    disk = Resource(name="disk1", group="g", type="disk", settings=settings)
    changed = attrs.evolve(config, groups=(Group(name="g", resources=(disk,)),))
    (case.where.root.path / "etc").mkdir(exist_ok=True)
    return attrs.evolve(case, configured=attrs.evolve(case.configured, config=changed))


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("/dev/sda1 / ext4 defaults 0 1", "ok"),
        ("/dev/disk/by-id/one /elsewhere ext4 defaults 0 2", "error"),
        ("UUID=7 /mnt/data ext4 defaults 0 2", "error"),
        ("UUID=7 /mnt/data ext4 noauto 0 2", "ok"),
        ("# /dev/disk/by-id/one /mnt/data ext4 defaults 0 2", "ok"),
    ],
)
def test_no_boot_may_mount_a_disk_of_the_cluster(
    with_disk: Case, line: str, severity: str, found: Found
) -> None:
    (with_disk.where.root.path / "etc/fstab").write_text(f"{line}\n")
    assert [each for each, _ in found(files.fstab, with_disk).values()] == [severity]


def test_a_tag_in_fstab_is_followed(tmp_path: Path) -> None:
    assert files._same("UUID=no-such", "/dev/disk/by-uuid/no-such")
    assert not files._same("UUID=no-such", "/dev/disk/by-uuid/other")
    (tmp_path / "link").symlink_to("/dev/null")
    assert files._same("/dev/null", str(tmp_path / "link"))


def test_without_disks_fstab_is_nobodys(case: Case, found: Found) -> None:
    assert found(files.fstab, case) == {}
