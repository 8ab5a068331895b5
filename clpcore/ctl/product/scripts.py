"""Scripts that stand ready for requests from outside, in /etc/clpcore/requests of this server."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from typing import Final

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

PATIENCE: Final = 180.0  # seconds
_OTHERS: Final = 0o022
_LONGEST_WAY: Final = 200  # folders and links; a link may lead back to itself


def run(name: str, server: str, command: str, wait: float) -> int:
    """Run a script of this server, which has *wait* seconds; its output is ours.

    Raises:
        Failure: another *server* is meant, there is no such script, or it failed.

    """
    if server:
        entry.only_here(ask(), server, f"{command} ...")
    path = _path(name)
    sys.stdout.flush()
    try:
        code = subprocess.run(
            [path], check=False, timeout=wait, stdin=subprocess.DEVNULL
        ).returncode
    except subprocess.TimeoutExpired:
        text = f"{path} was killed: it had not ended after {wait:g} s"
        raise Failure(Exit.REFUSED, text, "give it more time with -w") from None
    except OSError as error:
        text = f"{path} cannot be run: {error.strerror}"
        raise Failure(
            Exit.REFUSED, text, "make it executable, with a first line like #!/bin/sh"
        ) from None
    if code:
        raise Failure(Exit.REFUSED, f"{path} ended with code {code}", "its output tells more")
    print(entry.SUCCEEDED)
    return Exit.DONE


def _path(name: str) -> str:
    """Give the file of a script that nobody but root and we ourselves can have put there.

    Raises:
        Failure: there is none, or the name is a path, or others may write to it, or to a folder or
            link on the way to it.

    """
    folder = f"{(os.environ.get('CLP_ROOT') or '').rstrip('/')}/etc/clpcore/requests"
    path = f"{folder}/{name}"
    if "/" in name or name.startswith("."):
        raise Failure(Exit.USAGE, f"{name!r} is no name of a script", f"name a file of {folder}")
    try:
        way = _way(path)
        status = {each: os.lstat(each) for each in way}
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise Failure(Exit.REFUSED, f"{path}: {what}", f"put the script into {folder}") from None
    for each, of_it in status.items():
        if of_it.st_uid not in {0, os.geteuid()} or _is_open(of_it.st_mode):
            text = f"{each} can be changed by other users"
            raise Failure(Exit.REFUSED, text, f"chown root {each}; chmod go-w {each}")
    return way[-1]


def _is_open(mode: int) -> bool:
    """Tell whether others may change it; in a folder like /tmp they change only what is theirs."""
    if stat.S_ISLNK(mode) or (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
        return False
    return bool(mode & _OTHERS)


def _way(path: str) -> list[str]:
    """Give every folder and link that leads to a file, and at last the file itself.

    Raises:
        OSError: it leads nowhere.

    """
    way, left = ["/"], os.path.abspath(path).split("/")[:0:-1]  # noqa: PTH100 - pathlib takes 5 ms
    here = "/"
    while left:
        name = left.pop()
        if name in {"", ".", ".."}:
            here = os.path.dirname(here) if name == ".." else here  # noqa: PTH120 - as above
            continue
        step = f"{here.rstrip('/')}/{name}"
        way.append(step)
        if len(way) > _LONGEST_WAY:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if stat.S_ISLNK(os.lstat(step).st_mode):
            target = os.readlink(step)  # noqa: PTH115 - as above
            here = "/" if target.startswith("/") else here
            left += target.split("/")[::-1]
        else:
            here = step
    return way if way[-1] == here else [*way, here]
