"""Scripts that stand ready for requests from outside, in /etc/clpcore/requests of this server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from clpcore.ctl.ends import Exit, Failure
from clpcore.ctl.product import entry
from clpcore.ctl.status import ask

PATIENCE: Final = 180.0  # seconds
_OTHERS: Final = 0o022


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
    """Give the file of a script that nobody but its owner can have changed.

    Raises:
        Failure: there is none, or the name is a path, or others may write to it.

    """
    folder = f"{(os.environ.get('CLP_ROOT') or '').rstrip('/')}/etc/clpcore/requests"
    path = f"{folder}/{name}"
    if "/" in name or name.startswith("."):
        raise Failure(Exit.USAGE, f"{name!r} is no name of a script", f"name a file of {folder}")
    try:
        status = os.stat(path)  # noqa: PTH116 - pathlib takes 5 ms
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise Failure(Exit.REFUSED, f"{path}: {what}", f"put the script into {folder}") from None
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & _OTHERS:
        text = f"{path} can be changed by other users"
        raise Failure(Exit.REFUSED, text, f"chown root {path}; chmod go-w {path}")
    return path
