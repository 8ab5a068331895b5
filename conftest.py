"""What holds for every test: it leaves nothing behind, and `netns` says when it cannot run."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

_T = TypeVar("_T")

# A busy machine makes an example slow, not wrong; a failure prints how to repeat it.
hypothesis.settings.register_profile(
    "clpcore",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("clpcore")

_GRACE = 2.0  # seconds that a thread or a process may take to end after its test


def pytest_configure() -> None:
    """Let what tests start heed Ctrl-C, also where a shell has begun them in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep servers in namespaces to one process: beside each other they would wait for the CPU.

    By file, as the process that deals out the tests sees no marks.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # noqa: PLC0415

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return "netns" if _starts_servers(nodeid.partition("::")[0]) else nodeid

    return Scheduling(config, log)


@functools.cache
def _starts_servers(path: str) -> bool:
    return "pytest.mark.netns" in Path(path).read_text(encoding="utf-8")


@pytest.hookimpl(tryfirst=True)  # before any fixture starts a server
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a `netns` test where no namespace can be had; root is never excused."""
    if item.get_closest_marker("netns") and os.geteuid() != 0 and not _user_namespaces():
        pytest.skip("servers in namespaces need root, or user namespaces for this user")


@functools.cache
def _user_namespaces() -> bool:
    command = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--fork", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.fixture(autouse=True)
def _garbage_is_collected() -> Iterator[None]:
    """Undo what a program does to the collector for its own short life: leaks would go unseen."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.enable()
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a changed environment, a thread or a child process behind."""
    environment, threads, children = _environment(), set(threading.enumerate()), _children()
    yield
    assert _environment() == environment, "the test changed os.environ; use monkeypatch"
    left = _left_after_grace(lambda: set(threading.enumerate()) - threads)
    assert not left, f"threads still run: {left}"
    processes = _left_after_grace(lambda: _children() - children)
    for pid in processes:
        _end(pid)
    assert not processes, f"child processes were not ended and waited for: {processes}"


@pytest.fixture
def two_servers() -> str:
    """The beginning of a configuration, to which a page's own tables are added."""
    return """
[cluster]
name = "Docs"
platform = "lab"
[server.node1]
priority = 1
interconnect = ["10.5.0.110"]
[server.node2]
priority = 2
interconnect = ["10.5.0.111"]
"""


@pytest.fixture
def end_sessions() -> Callable[[Iterable[int]], None]:
    """Kill the sessions of what a test's drivers have kept or started, by their leaders' pids."""
    from clpcore.runtime.driving import processes  # noqa: PLC0415 - only a few tests want it

    def members(leaders: set[int]) -> list[int]:
        found = ((pid, processes.stat(pid)) for pid in processes.pids())
        return [
            pid
            for pid, stat in found
            if stat and not stat.gone and not leaders.isdisjoint({stat.session, stat.pid})
        ]

    def end(leaders: Iterable[int]) -> None:
        wanted, deadline = set(leaders), time.monotonic() + _GRACE
        # Again, until none is left: one that was just started may have had a child meanwhile.
        while (left := members(wanted)) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    return end


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _children() -> set[int]:
    children: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread just ended
            children.update(int(pid) for pid in (thread / "children").read_text().split())
    return children


def _left_after_grace(left: Callable[[], set[_T]]) -> set[_T]:
    deadline = time.monotonic() + _GRACE
    while (now := left()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return now


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
