"""A folder that a command makes: whole or not at all, and never over another one."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clpcore.ctl.ends import Exit, Failure

HELP: Final = "a new folder; one that holds anything is not touched"


def refuse_taken(path: Path) -> None:
    """Refuse a folder that holds anything, before anybody is asked anything.

    Raises:
        Failure: *path* is taken.

    """
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        what = f"{path} is there already, and nothing is overwritten"
        raise Failure(Exit.REFUSED, what, "name a folder that is not there yet")


@contextlib.contextmanager
def folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside *path* that takes its name when all went well.

    Raises:
        Failure: *path* is taken, or cannot be written.

    """
    refuse_taken(path)
    target = path.absolute()
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        yield draft
        draft.rename(target)  # over an empty folder that is fine, over another one an error
    except OSError as error:
        what = f"cannot write {path}: {error.strerror}"
        raise Failure(Exit.REFUSED, what, "name a folder that you may write to") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
