"""The journals of all servers told live, in the order in which it happened."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from clp_lab.journals import Journal
from clp_lab.lab import Lab
from clp_lab.timeline import Happened

_LOOK_S = 0.03
_HOLD_BACK_NS = 300_000_000
"""How long a sentence waits for an older one of another server; a store writes within 100 ms."""


class Telling:
    """Reads the journals in a thread of its own; every sentence is told once, by its time."""

    def __init__(self, lab: Lab, tell: Callable[[Happened], None]) -> None:
        """Take the lab, and what is called with each sentence."""
        self._journals = [Journal(lab.server(server.name)) for server in lab.status().servers]
        self._read = [0] * len(self._journals)
        self._waiting: list[Happened] = []
        self._tell = tell
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Tell during the block; what is still to tell at its end is told then."""
        self._thread.start()
        try:
            yield
            self.catch_up()
        finally:
            self._over.set()
            self._thread.join()

    def catch_up(self) -> None:
        """Tell everything that has happened until now, before this returns."""
        now = time.monotonic_ns()
        while time.monotonic_ns() < now + _HOLD_BACK_NS:
            time.sleep(_LOOK_S)
        self._look(until=now)

    def _follow(self) -> None:
        while not self._over.wait(_LOOK_S):
            self._look(until=time.monotonic_ns() - _HOLD_BACK_NS)

    def _look(self, until: int) -> None:
        with self._lock:
            for number, journal in enumerate(self._journals):
                told = journal.so_far()
                self._waiting += told[self._read[number] :]
                self._read[number] = len(told)
            self._waiting.sort(
                key=lambda happened: happened.at
            )  # stable: a journal keeps its order
            while self._waiting and self._waiting[0].at <= until:
                self._tell(self._waiting.pop(0))
