"""The journals of all servers, followed live while the lab runs."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO

from clp_lab.errors import LabError
from clp_lab.lab import Lab
from clp_lab.plan import CLP
from clp_lab.timeline import Happened, boot_time_offset

_FOLLOW = (CLP, "log", "--follow", "--json", "-n", "500")
_AGAIN_S = 0.05


class Story:
    """Collects every sentence once, also over the lives of a server."""

    def __init__(self, lab: Lab, names: tuple[str, ...], tell: Callable[[Happened], None]) -> None:
        self._lab, self._tell = lab, tell
        self._seen: dict[tuple[str, int], Happened] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(name,)) for name in names]

    def so_far(self) -> list[Happened]:
        """Give what was told until now, by time."""
        with self._lock:
            return sorted(self._seen.values(), key=lambda happened: happened.at)

    def start(self) -> None:
        """Begin to follow."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, name: str) -> None:
        """Ask again whenever the server, its agent or its journal was not there."""
        while not self._over.is_set():
            with contextlib.suppress(LabError, OSError):
                self._read(name)
            self._over.wait(_AGAIN_S)

    def _read(self, name: str) -> None:
        reading, writing = os.pipe()
        null = os.open(os.devnull, os.O_RDWR)
        try:
            process = self._lab.server(name).start(_FOLLOW, stdio=(null, writing, null))
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
            os.close(null)
        with process, os.fdopen(reading, encoding="utf-8") as lines:
            os.set_blocking(reading, False)
            self._take(name, lines)

    def _take(self, name: str, lines: IO[str]) -> None:
        rest = ""
        while not self._over.is_set():
            chunk = _some(lines.fileno())
            if chunk is None:
                return
            *whole, rest = (rest + chunk).split("\n")
            for line in whole:
                self._note(name, line)

    def _note(self, name: str, line: str) -> None:
        row = json.loads(line)
        if "seq" not in row:  # no agent to ask, and `clp` says so
            return
        mark = (name, row["seq"])
        with self._lock:
            if mark in self._seen:
                return
            told = self._seen[mark] = Happened.of(name, row, boot_time_offset())
        self._tell(told)


def _some(fd: int) -> str | None:
    """Give what has come, waiting a moment; None at the end."""
    try:
        chunk = os.read(fd, 65536)
    except BlockingIOError:
        time.sleep(0.01)
        return ""
    return chunk.decode() if chunk else None


@contextlib.contextmanager
def follow(
    lab: Lab, names: tuple[str, ...], tell: Callable[[Happened], None] = lambda _: None
) -> Iterator[Story]:
    """Follow the journals of *names* during the block; *tell* gets each sentence as it comes."""
    story = Story(lab, names, tell)
    story.start()
    try:
        yield story
    finally:
        story.stop()
