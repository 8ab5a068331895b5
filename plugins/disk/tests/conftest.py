"""A real disk for tests: a file behind a loop device, in a mount namespace of its own."""

from __future__ import annotations

import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clp_lab import namespaces


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
def device(tmp_path: Path, _own_mounts: None) -> Iterator[str]:
    """The path of a blank disk of 16 MiB."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    device = _do("losetup", "--find", "--show", str(image))
    yield device
    subprocess.run(["umount", "--all-targets", device], capture_output=True, check=False)
    _do("losetup", "--detach", device)
