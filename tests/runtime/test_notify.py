"""The service manager hears how the agent is; what the agent starts cannot speak for it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from clpcore.runtime.notify import Notify


def say_everything(notify: Notify) -> None:
    notify.ready()
    notify.status("a\nb")
    notify.alive()
    notify.stopping()
    notify.more_time(3)
    notify.close()


def test_the_manager_hears_it(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        say_everything(Notify.take({"NOTIFY_SOCKET": path}))
        heard = [manager.recv(100).decode() for _ in range(5)]
    assert heard == [
        "READY=1",
        "STATUS=a b",
        "WATCHDOG=1",
        "STOPPING=1",
        "EXTEND_TIMEOUT_USEC=3000000",
    ]


def test_an_abstract_address_works_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the kernel chooses one
        name = manager.getsockname()[1:].decode()
        notify = Notify.take({"NOTIFY_SOCKET": f"@{name}"})
        notify.ready()
        notify.close()
        assert manager.recv(100) == b"READY=1"


def test_without_a_manager_nothing_is_opened() -> None:
    notify = Notify.take({})
    notify.ready()
    assert notify._socket is None


def test_a_manager_that_is_gone_is_heard_of_again(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    notify = Notify.take({"NOTIFY_SOCKET": path})
    notify.ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as manager:
        manager.bind(path)
        notify.alive()
        assert manager.recv(100) == b"WATCHDOG=1"
    notify.close()


def test_a_manager_that_does_not_read_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify = Notify.take({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(2_000):
            notify.alive()
        notify.close()
        manager.setblocking(False)
        heard = 0
        with contextlib.suppress(BlockingIOError):
            while manager.recv(100):
                heard += 1
    assert 0 < heard < 2_000  # what it had no room for is lost, and nobody waited for it


def test_its_variables_are_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1", "A": "b"}
    notify = Notify.take(environ)
    assert environ == {"A": "b"}
    assert notify.watchdog == 3.0
    assert sorted(notify.variables) == ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"]


def test_no_watchdog_no_interval() -> None:
    for value in ("", "0", "x"):
        assert Notify.take({"WATCHDOG_USEC": value}).watchdog is None
