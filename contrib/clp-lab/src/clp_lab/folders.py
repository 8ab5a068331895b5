"""Where labs keep their things, and how a live one is told from the rest of a dead one."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

CONTROL = "control"
"""Name of the keeper's socket in a lab's folder."""

_TRIES = 5


def labs_folder() -> Path:
    """Give the folder of this user's labs; short, because Unix sockets lie below it."""
    return Path(tempfile.gettempdir()) / f"clp-lab-{os.geteuid()}"


def make(folder: Path) -> int:
    """Make the folder of one lab, alone; gives a descriptor that marks it as live while open.

    Raises:
        OSError: it exists, or its parent is another user's.
    """
    for _ in range(_TRIES):  # the last lab to end may just remove the parent
        with contextlib.suppress(FileNotFoundError):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            break
    if folder.parent.stat().st_uid != os.geteuid():
        folder.rmdir()
        raise PermissionError(1, f"{folder.parent} is another user's")
    mark = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(mark, fcntl.LOCK_SH)
    (folder / "log").mkdir()
    return mark


def clear_dead(folder: Path) -> None:
    """Remove what a lab left that was killed together with its guard; a live one stays."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        mark = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(mark)
