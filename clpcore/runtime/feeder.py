"""Feeds the watchdog as long as somebody can vouch for this server, and not a moment longer.

It has a thread of its own, so that a busy loop does not starve the machine at once; it feeds only
while the loop has turned lately, and while the core says that the lease allows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from clpcore import messages
from clpcore.runtime import clock, priority
from clpcore.runtime.troubles import Troubles
from clpcore.runtime.watchdog import Watchdog, WatchdogError

logger = logging.getLogger(__name__)

_WHAT: Final = "The watchdog"
_FEEDS: Final = 10  # feedings within its timeout
_SLOWEST: Final = 1.0  # seconds between two
_AGAIN: Final = 10.0  # seconds between two tries to arm it
_MOMENT: Final = 60_000  # ms, to have in hand what is to be disarmed


@attrs.frozen(kw_only=True)
class Terms:
    """Until when it is fed.

    *timeout*: of the watchdog, in ms; 0: there is to be none. *until* gives the time (``now``)
    after which it may not be fed, None for no such time. *mark* is a file in /run that says that a
    watchdog was left armed. *armed* is called when it is.
    """

    server: str
    timeout: int
    until: Callable[[], int | None]
    mark: Path
    armed: Callable[[], None]


class Feeder:
    """Arms the watchdog, feeds it, and disarms it where nothing rests on it any more."""

    def __init__(self, watchdog: Watchdog, terms: Terms, troubles: Troubles) -> None:
        """Prepare; *troubles* hears when it cannot be armed."""
        self._watchdog = watchdog
        self._terms = terms
        self._troubles = troubles
        self._turned_at = 0
        self._starve_at: int | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._turning: asyncio.TimerHandle | None = None

    @property
    def state(self) -> str:
        """Give how it is, for people."""
        if self._thread is None:
            return "not armed"
        return f"armed ({self._watchdog.name}, {self._terms.timeout / 1_000:g} s)"

    async def arm(self) -> None:
        """Arm it before anything is claimed, if it can be; else say so, and let ``keep`` try."""
        if not self._terms.timeout:
            await self._settle()
            return
        if not self._may_feed(clock.now()):
            return  # what an earlier agent has armed shall do its work: this would feed it
        try:
            await asyncio.to_thread(self._arm)
        except WatchdogError as error:
            known = {"name": self._watchdog.name, "server": self._terms.server}
            reason = messages.because("pm530", reason=str(error), **known)
            self._troubles.begin(_WHAT, reason)
            return
        self._begin()

    async def keep(self) -> None:
        """Try again as long as it is not armed."""
        while self._terms.timeout and self._thread is None:
            await asyncio.sleep(_AGAIN)
            await self.arm()

    def starve(self, after: int) -> None:
        """Feed it no more in *after* ms: this machine should have stopped by then."""
        self._starve_at = clock.now() + after

    async def close(self) -> None:
        """Feed it no more; disarm it, unless what this server holds still rests on it."""
        if self._thread is None:
            return
        self._closing.set()
        await asyncio.to_thread(self._thread.join)
        if self._turning is not None:
            self._turning.cancel()
        if self._until() is None:
            await asyncio.to_thread(self._disarm)
        else:
            logger.warning("the watchdog stays armed: it resets this machine")
            self._watchdog.leave()

    # -- arming

    def _arm(self) -> None:
        self._terms.mark.parent.mkdir(parents=True, exist_ok=True)
        self._terms.mark.touch()
        self._watchdog.arm(self._terms.timeout)

    def _disarm(self) -> None:
        try:
            self._watchdog.disarm()
        except WatchdogError as error:
            logger.error("the watchdog cannot be disarmed: %s", error)  # noqa: TRY400 - its text says all
        else:
            self._terms.mark.unlink(missing_ok=True)

    async def _settle(self) -> None:
        """Disarm what an agent with another configuration has left."""
        if self._terms.mark.exists():
            with contextlib.suppress(WatchdogError):
                await asyncio.to_thread(self._watchdog.arm, _MOMENT)
                await asyncio.to_thread(self._disarm)

    def _begin(self) -> None:
        seconds = self._terms.timeout / 1_000
        known = {"name": self._watchdog.name, "server": self._terms.server}
        armed = messages.because("pm531", seconds=f"{seconds:g}", **known)
        if _WHAT in self._troubles.now:
            self._troubles.end(_WHAT, armed)
        else:
            self._troubles.tell(armed)
        self._thread = threading.Thread(target=self._feed, name="watchdog", daemon=True)
        self._turn()
        self._thread.start()
        self._terms.armed()

    # -- feeding

    @property
    def _pause(self) -> float:
        return min(_SLOWEST, self._terms.timeout / 1_000 / _FEEDS)

    def _turn(self) -> None:
        """Note that the loop turns."""
        self._turned_at = clock.now()
        self._turning = asyncio.get_running_loop().call_later(self._pause, self._turn)

    def _feed(self) -> None:
        """Be the thread."""
        priority.raise_thread()
        failed = ""
        while not self._closing.wait(self._pause):
            if clock.now() - self._turned_at > self._terms.timeout / 2:
                continue
            if not self._may_feed(clock.now()):
                continue
            try:
                self._watchdog.feed()
                failed = ""
            except WatchdogError as error:
                if str(error) != failed:
                    failed = str(error)
                    logger.error("the watchdog cannot be fed: %s", error)  # noqa: TRY400 - its text says all

    def _may_feed(self, now: int) -> bool:
        if self._starve_at is not None and now >= self._starve_at:
            return False
        until = self._until()
        return until is None or now <= until

    def _until(self) -> int | None:
        try:
            return self._terms.until()
        except Exception:
            logger.exception("the core cannot say until when the watchdog may be fed")
            return 0  # nobody vouches for this server
