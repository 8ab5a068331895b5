"""Who uses a file system: processes with a file, a folder, a map or a mount of it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

_PROC: Final = Path("/proc")


@attrs.frozen(kw_only=True)
class User:
    """A process that uses it, and *how*; *started* tells it from a later one with its number."""

    pid: int
    started: str
    name: str
    how: str

    def __str__(self) -> str:
        """Give it as operators read it."""
        return f"{self.name} (pid {self.pid}, {self.how})"


def find(numbers: frozenset[str], mounted_here: bool) -> tuple[User, ...]:  # noqa: FBT001 - see outside
    """Give the users of the file systems with these ``major:minor``, by pid.

    Never this process, its ancestors and the first one: what they hold is ours to let go. While it
    is mounted here, mounts in other namespaces are not counted: most services have a namespace
    that follows ours, and killing them would help nobody.
    """
    spared = _ancestors(os.getpid()) | {1}
    pids = sorted(int(path.name) for path in _PROC.iterdir() if path.name.isdecimal())
    found = (_user(pid, numbers, mounted_here) for pid in pids if pid not in spared)
    return tuple(user for user in found if user is not None)


def kill(users: Iterable[User]) -> None:
    """Kill them: those that are still the same processes."""
    for user in users:
        with contextlib.suppress(ProcessLookupError):
            pidfd = os.pidfd_open(user.pid)
            try:
                if _started(user.pid) == user.started:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            finally:
                os.close(pidfd)


def _user(pid: int, numbers: frozenset[str], mounted_here: bool) -> User | None:  # noqa: FBT001
    """Give the process if it uses one of *numbers*; one that ends meanwhile uses nothing."""
    folder = _PROC / str(pid)
    try:
        started = _started(pid)
        how = _how(folder, numbers)
        if not how and not mounted_here and _mounts(folder, numbers):
            how = "has it mounted in a namespace of its own"
        name = (folder / "comm").read_text(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return User(pid=pid, started=started, name=name, how=how) if how else None


def _how(folder: Path, numbers: frozenset[str]) -> str:
    for link, how in (("cwd", "works in it"), ("root", "has it as root"), ("exe", "runs from it")):
        if _number(folder / link) in numbers:
            return how
    for file in (folder / "fd").iterdir():
        if _number(file) in numbers:
            with contextlib.suppress(FileNotFoundError):
                return f"has {file.readlink()} open"
    return "has a file of it mapped" if numbers & set(_mapped(folder)) else ""


def _number(path: Path) -> str:
    """Give the file system that a file is of, as ``major:minor``."""
    try:
        device = path.stat().st_dev
    except OSError:  # a kernel thread has no such links; a file may be gone
        return ""
    return f"{os.major(device)}:{os.minor(device)}"


def _mapped(folder: Path) -> Iterator[str]:
    for line in (folder / "maps").read_text(errors="replace").splitlines():
        major, _, minor = line.split(maxsplit=4)[3].partition(":")
        yield f"{int(major, 16)}:{int(minor, 16)}"


def _mounts(folder: Path, numbers: frozenset[str]) -> bool:
    try:
        lines = (folder / "mountinfo").read_text(errors="replace").splitlines()
    except OSError as error:
        if error.errno == errno.EINVAL:  # it is about to be gone and has no namespace any more
            return False
        raise
    return any(line.split(" ", maxsplit=3)[2] in numbers for line in lines)


def _started(pid: int) -> str:
    return _after_name(pid)[19]


def _after_name(pid: int) -> list[str]:
    """Give what /proc/PID/stat says after the name, which may hold anything."""
    text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    return text[text.rindex(")") + 2 :].split()


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 0:
        found.add(pid)
        pid = int(_after_name(pid)[1])
    return found
