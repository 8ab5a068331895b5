"""The notices that wait for a message-receive monitor (mrw): a file that goes at reboot.

A line for each: category, keyword, since when; parted by tabs. The driver reads it at each look.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product.clprsc import holder

if TYPE_CHECKING:
    from clpcore.ctl.document import Status

_TYPE: Final = "mrw"
_KEY: Final = re.compile(r"([\w-]{1,100})(?:\.([\w-]{1,100}))?")

Key = tuple[str, str]  # category, keyword or an empty text


def key(text: str) -> Key:
    """Read ``CATEGORY`` or ``CATEGORY.KEYWORD``."""
    found = _KEY.fullmatch(text)
    if not found:
        why = f"{text!r} is no category or category.keyword: letters, digits, - and _"
        raise argparse.ArgumentTypeError(why)
    return found[1], found[2] or ""


def file(status: Status, monitor: str) -> Path:
    """Give the file of the notices for *monitor*, below the folder of what it watches.

    Raises:
        Failure: the monitor receives none.

    """
    its = next(each for each in status["monitors"] if each["name"] == monitor)
    if its["type"] != _TYPE:
        text = f"{monitor} is of type {its['type']}, which receives no notices"
        raise Failure(Exit.REFUSED, text, f"name a monitor of type {_TYPE}")
    target = its["target"]
    about = f"{holder(status, target)['name']}/{target}" if target else f"monitor/{monitor}"
    root = Path(os.environ.get("CLP_ROOT") or "/")
    return root / "run/clpcore/resources" / about / "notices" / monitor


def add(path: Path, what: Key) -> None:
    """Add a notice; one that is there already stays as it is, with its time."""
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    _change(
        path,
        lambda lines: (
            lines if any(_is(line, what) for line in lines) else [*lines, "\t".join([*what, now])]
        ),
    )


def clear(path: Path, what: Key | None) -> None:
    """Take back the notices of a category, those with its keyword, or all; none there is fine."""
    _change(path, lambda lines: [line for line in lines if what and not _is(line, what, any_=True)])


def _is(line: str, what: Key, *, any_: bool = False) -> bool:
    """Tell whether a line is about *what*; *any_*: without a keyword, about any."""
    category, keyword = [*line.split("\t"), ""][:2]
    return category == what[0] and (keyword == what[1] or (any_ and not what[1]))


def _change(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Make the file anew from its lines; two commands at once do so one after the other.

    Raises:
        Failure: it cannot be written.

    """
    from clpcore.runtime import files

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            lines = change((files.read(path) or "").splitlines())
            if lines:
                files.write(path, "".join(f"{line}\n" for line in lines))
            else:
                files.remove(path)
    except OSError as error:
        text = f"cannot write {path}: {error.strerror}"
        raise Failure(Exit.REFUSED, text, "run it as root") from None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
