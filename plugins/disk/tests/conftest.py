"""A real disk for tests: a file behind a loop device, in a mount namespace of its own."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clp_lab import namespaces
from clpcore import api
from clpcore.runtime.driving.ports import Folders, LocalPorts
from clpcore.runtime.places import Root
from clpcore.runtime.workers.limits import Limits
from clpcore_disk import mounts
from clpcore_disk.resource import SPEC
from clpcore_disk.settings import Config


def _do(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def _why_not() -> str:
    """Why a file cannot be a disk here, "" if it can."""
    if os.geteuid() != 0:
        return "a loop device needs root"
    found = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return found.stderr.strip()


@pytest.fixture
def _own_mounts() -> Iterator[None]:
    """A mount namespace that dies with the test, whatever the test has mounted."""
    if why := _why_not():
        pytest.skip(why)
    home = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    folder = Path.cwd()
    namespaces.unshare(namespaces.NEWNS)
    try:
        _do("mount", "--make-rprivate", "/")
        yield
    finally:
        namespaces.setns(home, namespaces.NEWNS)
        os.chdir(folder)
        os.close(home)


@pytest.fixture
def make_device(tmp_path: Path, _own_mounts: None) -> Iterator[Callable[[int], str]]:
    """Make a blank disk of so many MiB; give its path."""
    made: list[str] = []

    def make(size: int) -> str:
        image = tmp_path / f"disk{len(made)}.img"
        with image.open("wb") as file:
            file.truncate(size << 20)  # sparse: what is not written takes no room
        made.append(_do("losetup", "--find", "--show", str(image)))
        return made[-1]

    yield make
    for device in made:
        subprocess.run(["umount", "--all-targets", device], capture_output=True, check=False)
        _do("losetup", "--detach", device)


@pytest.fixture
def device(make_device: Callable[[int], str]) -> str:
    """The path of a blank disk of 16 MiB."""
    return make_device(16)


@attrs.define
class Site:
    """One server with one disk resource, failover1/disk1, driven as a worker does it."""

    root: Path
    config: Config

    @property
    def call(self) -> api.Call:
        return api.Call(
            event=api.Event.START,
            role=api.Role.ACTIVE,
            epoch=1,
            server="node1",
            home="node1",
            previous="",
            group="failover1",
            resource="disk1",
        )

    def ports(self) -> LocalPorts:
        return LocalPorts(self.call, Folders.of(Root(self.root), self.call), Limits())

    def driver(self) -> api.ResourceDriver:
        assert SPEC.make is not None
        driver: api.ResourceDriver = SPEC.make(self.config)  # type: ignore[assignment]
        return driver

    def activate(self) -> None:
        asyncio.run(self.driver().activate(self.call, self.ports()))

    def deactivate(self) -> None:
        asyncio.run(self.driver().deactivate(self.call, self.ports()))

    def probe(self) -> api.Presence:
        return asyncio.run(self.driver().probe(self.call, self.ports()))

    def change(self, **settings: object) -> None:
        self.config = attrs.evolve(self.config, **settings)  # type: ignore[arg-type]

    @property
    def point(self) -> Path:
        return Path(self.config.mount_point)

    def mounted(self) -> list[str]:
        every = mounts.table(self.ports())
        return [each.point for each in every if each.source == self.config.device]


@pytest.fixture
def blank(tmp_path: Path, device: str) -> Site:
    """A disk without a file system."""
    point = tmp_path / "mnt with blank"
    return Site(tmp_path, Config(device=device, mount_point=str(point), umount_retry_interval=50))


@pytest.fixture
def site(blank: Site) -> Site:
    _do("mkfs.ext4", "-q", blank.config.device)
    return blank
