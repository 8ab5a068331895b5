"""The companion that sends: it watches the journal's file, and rings its couriers.

The agent is not asked, and so cannot be delayed: SQLite tells by a number in shared memory whether
anything was committed, which costs nothing to look at twice a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from clpcore.runtime.alerts import senders
from clpcore.runtime.alerts.courier import Courier, Errand, Teller
from clpcore.runtime.alerts.cursor import Cursor
from clpcore.runtime.alerts.message import Origin
from clpcore.runtime.briefs import AlertsBrief
from clpcore.runtime.companion import Agent
from clpcore.runtime.places import Root
from clpcore.wire import values

logger = logging.getLogger(__name__)

_LOOK: Final = 0.5  # seconds
_LAST_WORDS: Final = 2.0  # seconds in which an agent that has gone may have written more
_LEAVE: Final = 5.0  # seconds for what is being sent then
_BUG: Final = 70  # EX_SOFTWARE of sysexits.h


class Journal:
    """Tells whether the journal has changed."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._sql: sqlite3.Connection | None = None
        self._seen: tuple[int, int] = (0, 0)  # inode, version

    def changed(self) -> bool:
        """Tell whether anything was committed since the last look, or the file is another one."""
        try:
            seen = self._store.stat().st_ino, self._version(self._store.stat().st_ino)
        except (OSError, sqlite3.Error):
            self.close()  # not there yet, or not readable now: the couriers find out, too
            return False
        was, self._seen = self._seen, seen
        return seen != was

    def _version(self, inode: int) -> int:
        if self._sql is None or inode != self._seen[0]:
            self.close()
            uri = f"{self._store.absolute().as_uri()}?mode=ro"
            self._sql = sqlite3.connect(uri, uri=True, timeout=1.0)
        (version,) = self._sql.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Let the file go."""
        if self._sql is not None:
            self._sql.close()
            self._sql = None


def couriers(brief: AlertsBrief, teller: Teller) -> list[Courier]:
    """Give a courier for each alert."""
    root = Root(Path(brief.root))
    origin = Origin(cluster=brief.cluster, server=brief.server)
    return [
        Courier(
            Errand(
                alert=alert,
                sender=senders.make(alert, root.path),
                store=root.store,
                cursor=Cursor.read(root.alerts / f"{alert.name}.json"),
                origin=origin,
            ),
            teller,
        )
        for alert in brief.alerts
    ]


def serve(brief: AlertsBrief, agent: Agent) -> int:
    """Send until the agent is gone and its last words are said; give the exit code."""
    root = Root(Path(brief.root))
    with _alone(root.alerts, agent):
        _forget_others(root.alerts, brief)
        sending = couriers(brief, agent)
        for courier in sending:
            courier.start()
        agent.ready()
        code = _watch(Journal(root.store), sending, agent)
        for courier in sending:
            courier.finish()
        until = time.monotonic() + _LEAVE
        for courier in sending:
            courier.join(max(0.0, until - time.monotonic()))
    return code


def _watch(journal: Journal, sending: Sequence[Courier], agent: Agent) -> int:
    gone_at: float | None = None
    while gone_at is None or time.monotonic() - gone_at < _LAST_WORDS:
        if journal.changed():
            for courier in sending:
                courier.ring()
        if not all(courier.is_alive() for courier in sending):
            return _BUG  # its thread has told why; the agent starts us again
        if gone_at is None and agent.gone.wait(_LOOK):
            gone_at = time.monotonic()
        elif gone_at is not None:
            time.sleep(_LOOK)
    return 0


@contextlib.contextmanager
def _alone(folder: Path, agent: Agent) -> Iterator[None]:
    """Wait for the companion of the agent before ours: both would send the same."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try(lock) and not agent.gone.wait(_LOOK):
            pass
        yield
    finally:
        os.close(lock)


def _try(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _forget_others(folder: Path, brief: AlertsBrief) -> None:
    """Forget how far alerts came that are none any more: one of that name would be a new one."""
    names = {alert.name for alert in brief.alerts}
    for path in folder.glob("*.json"):
        if path.stem not in names:
            path.unlink(missing_ok=True)


def main() -> int:
    """Be the companion; the brief comes from stdin."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    agent = Agent.at_stdin()
    return serve(values.from_json(agent.brief(), AlertsBrief), agent)


if __name__ == "__main__":
    sys.exit(main())
