"""A server's own /run, /tmp and /var: what a driver writes there is on its server alone.

/run and /var are the folders of these names below CLP_ROOT, bound in the server's mount namespace;
/tmp is in memory, because CLP_ROOT itself lies below it. The mounts go with the last process.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from clp_lab import namespaces

_RUN, _VAR, _TMP = (Path(path).resolve() for path in ("/run", "/var", "/tmp"))  # noqa: S108
_LINKS = {"var/run": "../run", "var/lock": "../run/lock"}  # as every distribution has them
SHARED = "var/shared"
"""The folder that is one for all servers."""
_PUBLIC = 0o1777
_SEARCHED = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")


def empty(root: Path) -> None:
    """Make a server's folders as its machine finds them at boot; before they are bound."""
    shutil.rmtree(root / "run", ignore_errors=True)
    (root / "run").mkdir()
    for public in ("run/lock", "var/tmp"):
        (root / public).mkdir(parents=True, exist_ok=True)
        (root / public).chmod(_PUBLIC)
    for link, target in _LINKS.items():
        if not (root / link).is_symlink():
            (root / link).symlink_to(target)


def share(root: Path, folder: Path) -> None:
    """Have *folder* be the server's SHARED, too; before its /var is bound."""
    (root / SHARED).mkdir(exist_ok=True)
    namespaces.bind(folder, root / SHARED)


def needed(environment: Mapping[str, str], argv: Sequence[str]) -> tuple[Path, ...]:
    """Give what a server must go on to see: this Python, what it imports, and the agent."""
    python = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path}
    searched = {place for name in _SEARCHED for place in environment.get(name, "").split(":")}
    return tuple(sorted(Path(place) for place in {*python, *searched, *argv} if place[:1] == "/"))


def take(root: Path, seen: Iterable[Path]) -> None:
    """Have /run, /tmp and /var be the server's own; what is `seen` below the machine's stays.

    The caller has a mount namespace of its own, with a /proc of its own.
    """
    own = {place: _hold(root / name) for place, name in ((_RUN, "run"), (_VAR, "var"))}
    back = {path: _hold(path) for path in _behind({_RUN, _VAR, _TMP}, {root, *seen})}
    for place, fd in own.items():
        namespaces.bind(_name(fd), place)
    namespaces.mount_memory(_TMP)
    for path, fd in sorted(back.items()):  # a folder before what lies below it
        _show(path, _name(fd))
    for fd in (*own.values(), *back.values()):
        os.close(fd)


def _behind(hidden: AbstractSet[Path], paths: AbstractSet[Path]) -> set[Path]:
    """Give those of the paths that will be hidden; a hidden folder itself is not asked back."""
    every = {*paths, *(path.resolve() for path in paths)}
    lost = {path for path in every if not hidden.isdisjoint(path.parents)}
    return {path for path in lost if os.path.exists(path)}  # noqa: PTH110 - unreadable: not there


def _hold(path: Path) -> int:
    """Keep hold of what will no longer be found by its path."""
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _name(fd: int) -> Path:
    return Path(f"/proc/self/fd/{fd}")


def _show(path: Path, held: Path) -> None:
    if held.is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    namespaces.bind(held, path)
