"""The agent hears of the end of kept processes at once, also after it was away itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import attrs
import pytest

from clpcore import api
from clpcore.runtime.driving import kept, processes
from clpcore.runtime.driving.kept import Identity, Watch
from clpcore.runtime.driving.launched import Launched, new_mark


@attrs.define
class Heard:
    """What the watch has told, and when."""

    ends: list[tuple[str, str, api.Process]] = attrs.field(factory=list)
    at: float = 0.0

    def __call__(self, group: str, resource: str, process: api.Process) -> None:
        self.at = time.monotonic()
        self.ends.append((group, resource, process))


@pytest.fixture
def start() -> Iterator[Callable[[str], api.Process]]:
    """Start a process that lives until the test has ended."""
    children: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> api.Process:
        child = subprocess.Popen(["sleep", "600"])
        children.append(child)
        found = processes.stat(child.pid)
        assert found is not None
        return api.Process(name, child.pid, found.started)

    yield start
    for child in children:
        child.kill()
        child.wait()


Start = Callable[[str], api.Process]


def _watching(test: Callable[[Watch, Heard], Awaitable[None]]) -> None:
    async def go() -> None:
        heard = Heard()
        watch = Watch(heard)
        try:
            await test(watch, heard)
        finally:
            watch.close()

    asyncio.run(go())


async def _until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def _settle() -> None:
    """Let whatever is due happen."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_an_end_is_told_once_and_at_once(start: Start) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        app, other = start("app"), start("other")
        watch.see("g", "r", [app, other])
        watch.see("g", "r", [app])  # of an answer that came later
        killed = time.monotonic()
        os.kill(app.pid, signal.SIGKILL)
        await _until(lambda: heard.ends)
        assert heard.at - killed < 0.1
        watch.see("g", "r", [app])  # of an answer that was on its way
        await _settle()
        assert heard.ends == [("g", "r", app)]

    _watching(test)


def test_what_ended_before_it_could_be_watched_is_told(start: Start) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        gone = api.Process("app", 2**22 + 1, 1)  # beyond any pid
        mistaken = attrs.evolve(start("app"), started=1)
        watch.see("g", "r", [gone])
        watch.see("g", "r", [app := start("app")])
        assert heard.ends == []  # not in the middle of whatever the caller does
        watch.see("g", "s", [mistaken])
        watch.see("g", "s", [mistaken])
        await _settle()
        assert heard.ends == [("g", "r", gone), ("g", "s", mistaken)]
        os.kill(app.pid, signal.SIGKILL)
        await _until(lambda: len(heard.ends) == 3)
        assert heard.ends[2] == ("g", "r", app)

    _watching(test)


def test_a_new_process_of_a_name_takes_the_place_of_the_old(start: Start) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        first, second = start("app"), start("app")
        watch.see("g", "r", [first])
        watch.see("g", "r", [second])
        os.kill(first.pid, signal.SIGKILL)
        os.kill(second.pid, signal.SIGKILL)
        await _until(lambda: heard.ends)
        await _settle()
        assert heard.ends == [("g", "r", second)]

    _watching(test)


def test_an_agent_that_starts_again_watches_what_the_files_name(
    start: Start, tmp_path: Path
) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        app = start("app")
        folder = kept.folder(tmp_path, "g", "r")
        kept.write(folder, Identity("app", Launched(app.pid, app.started, new_mark())))
        # The probe tells of that one.
        kept.write(folder, Identity("ended", Launched(app.pid, 1, new_mark())))
        (folder / "damaged.json").write_text("{")
        (folder / ".app.json.draft").write_text("{")
        watch.adopt(tmp_path)
        await _settle()
        assert heard.ends == []
        os.kill(app.pid, signal.SIGKILL)
        await _until(lambda: heard.ends)
        assert heard.ends == [("g", "r", app)]

    _watching(test)


def test_an_agent_that_never_ran_has_nothing_to_watch(tmp_path: Path) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        watch.adopt(tmp_path)
        await _settle()
        assert heard.ends == []

    _watching(test)


def test_a_closed_watch_tells_nothing_and_keeps_no_descriptor(start: Start) -> None:
    async def test(watch: Watch, heard: Heard) -> None:
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count
        app = start("app")
        watch.see("g", "r", [app])
        watch.close()
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
        os.kill(app.pid, signal.SIGKILL)
        await _settle()
        assert heard.ends == []

    _watching(test)


def test_an_identity_comes_back_as_it_was_written(tmp_path: Path) -> None:
    identity = Identity("app", Launched(12, 345, "mark"), "/var/log/it.log")
    assert kept.read(tmp_path, "app") is None
    kept.write(tmp_path, identity)
    assert kept.read(tmp_path, "app") == identity
    kept.forget(tmp_path, "app")
    kept.forget(tmp_path, "app")
    assert kept.read(tmp_path, "app") is None


def test_a_zombie_is_not_alive(start: Start) -> None:
    process = start("app")
    assert processes.is_alive(process.pid, process.started)
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while processes.is_alive(process.pid, process.started):
        assert time.monotonic() < deadline
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, 0)  # it is still there, for its parent to notice
