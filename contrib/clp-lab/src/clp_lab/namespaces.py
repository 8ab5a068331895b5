"""The system calls that Python 3.11 has no name for: namespaces, mounts, death with the parent."""

import contextlib
import ctypes
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

NEWNS = 0x00020000
NEWUTS = 0x04000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 0x2, 0x4, 0x8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def _must(what: str, result: int) -> None:
    """Raise OSError naming `what` when a system call answered below zero."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the shared namespaces of `flags`; NEWPID takes effect in the next child."""
    _must(f"unshare({flags:#x})", _libc.unshare(flags))


def setns(fd: int, kind: int) -> None:
    """Join the namespace behind `fd`."""
    _must("setns", _libc.setns(fd, kind))


@contextlib.contextmanager
def another_network() -> Iterator[int]:
    """Be in a new network namespace for the block; gives the descriptor of the one left."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(NEWNET)
        try:
            yield home
        finally:
            setns(home, NEWNET)
    finally:
        os.close(home)


def own_mounts() -> None:
    """Give the caller its own mount table, with a /proc of its own PID namespace."""
    unshare(NEWNS)
    _must("mount --make-rprivate /", _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _must("mount /proc", _libc.mount(b"proc", b"/proc", b"proc", flags, None))


def bind(source: Path, target: Path) -> None:
    """Show `source` and what is mounted below it at `target`, too."""
    _must(
        f"mount --rbind {source} {target}",
        _libc.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND | _MS_REC, None),
    )


def mount_memory(target: Path) -> None:
    """Mount an empty file system in memory that everybody may write to."""
    flags = _MS_NOSUID | _MS_NODEV
    result = _libc.mount(b"tmpfs", os.fsencode(target), b"tmpfs", flags, b"mode=1777")
    _must(f"mount tmpfs at {target}", result)


def own_users() -> None:
    """Enter a new user namespace in which the caller is root, without gaining anything outside."""
    user, group = os.geteuid(), os.getegid()
    unshare(NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {user} 1"),
        ("gid_map", f"0 {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(text)


def die_with_parent(lifeline: int) -> None:
    """Have the kernel SIGKILL the caller when the thread that forked it ends.

    `lifeline` is the reading end of a pipe that only the parent can write: it tells whether the
    parent was already gone when the kernel took the order (getppid is 0 across PID namespaces).
    The order does not survive a change of credentials: enter a user namespace before.
    """
    _must("prctl(PDEATHSIG)", _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0))
    poll = select.poll()
    poll.register(lifeline, select.POLLIN)
    if poll.poll(0):
        os._exit(1)


def adopt_orphans() -> None:
    """Make the caller the parent of every descendant whose own parent ends."""
    _must("prctl(CHILD_SUBREAPER)", _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
