"""Has a revision staged and checked by a process that may load plugins."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from typing import Final

import attrs

from clpcore.model.revisions import About, Finding, Revision
from clpcore.wire import values

logger = logging.getLogger(__name__)

_PATIENCE: Final = 25.0  # seconds
_MODULE: Final = "clpcore.runtime.revisions.preparing"


@attrs.frozen(kw_only=True)
class Job:
    """What is to be staged: the *bundle* of that path, or the working copy; see ``Checked``."""

    root: str
    server: str
    agent: int = attrs.field(factory=os.getpid)  # what has ended needs no answer
    number: int
    about: About
    bundle: str = ""
    digest: str = ""  # that it must have, if it is known


@attrs.frozen(kw_only=True)
class Checked:
    """What was found. With *error* nothing is staged; with *findings* it cannot be used here.

    *changes* are those from the committed revision: what, effect, and the group or server that it
    is on; *same*: there is none. *restart* and *stop* are groups, *removed* servers. *pauses*:
    heartbeats do, because they change.
    """

    error: str = ""
    revision: Revision | None = None
    findings: tuple[Finding, ...] = ()
    same: bool = False
    changes: tuple[tuple[str, str, str], ...] = ()
    restart: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    pauses: bool = False


async def check(job: Job) -> Checked:
    """Stage and check; never raises for what the process does, and never waits for ever."""
    return await asyncio.to_thread(check_now, job)


def check_now(job: Job) -> Checked:
    """Stage and check, for a caller who may wait; never raises for what the process does."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, values.to_json(job)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_PATIENCE,
            check=True,
        )
        return values.from_json(done.stdout.decode(), Checked)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError, values.Unreadable) as error:
        logger.error("the check of a revision gave no answer: %s", error)  # noqa: TRY400 - no error of ours
        return Checked(error="the check gave no answer; the log of this server's agent says why")
