"""A server that arms its watchdog is reset when it does not feed it, and not otherwise."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from clp_lab.lab import Lab
from clp_lab.plan import servers
from clp_lab.watchdog import Watchdog

Wait = Callable[..., Any]
MakeLab = Callable[..., Lab]


# -- its counting, with a clock of ours


@attrs.define
class Clock:
    now: int = 1_000
    resets: int = 0

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Clock, Watchdog]]:
    clock = Clock()
    with selectors.DefaultSelector() as selector:
        watchdog = Watchdog(tmp_path / "w", selector, lambda: clock.now, clock.reset)
        yield clock, watchdog
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # they are sockets


def _pass(clock: Clock, watchdog: Watchdog, ms: int, step: int = 10) -> None:
    for _ in range(ms // step):
        clock.now += step
        watchdog.look(clock.now)


def test_it_counts_from_the_last_feeding(watched: tuple[Clock, Watchdog]) -> None:
    clock, watchdog = watched
    _pass(clock, watchdog, 5_000)
    watchdog.hear("arm 1000", clock.now)
    assert watchdog.wake_at == clock.now + 50
    for _ in range(5):
        _pass(clock, watchdog, 900)
        watchdog.hear("feed", clock.now)
    _pass(clock, watchdog, 990)
    assert clock.resets == 0
    _pass(clock, watchdog, 10)
    assert clock.resets == 1


def test_once_disarmed_it_resets_nothing(watched: tuple[Clock, Watchdog]) -> None:
    clock, watchdog = watched
    watchdog.hear("arm 1000", clock.now)
    watchdog.hear("disarm", clock.now)
    _pass(clock, watchdog, 5_000)
    assert (clock.resets, watchdog.wake_at) == (0, None)


def test_a_freeze_of_the_server_does_not_count(watched: tuple[Clock, Watchdog]) -> None:
    clock, watchdog = watched
    watchdog.hear("arm 1000", clock.now)
    clock.now += 60_000
    watchdog.look(clock.now)
    assert clock.resets == 0
    _pass(clock, watchdog, 900)
    assert clock.resets == 1


def test_what_is_no_word_changes_nothing(
    watched: tuple[Clock, Watchdog], capfd: pytest.CaptureFixture[str]
) -> None:
    clock, watchdog = watched
    for word in ("arm", "arm 0", "arm -5", "arm x", "food", ""):
        watchdog.hear(word, clock.now)
        assert watchdog.wake_at is None
    assert "the watchdog knows arm MS, feed, disarm; not 'food'" in "".join(capfd.readouterr())


# -- in a server


def _boot_id(lab: Lab) -> str:
    """Give the boot id; none in the moment between two lives."""
    with contextlib.suppress(FileNotFoundError):
        return (lab.server("node1").root / "run/boot_id").read_text(encoding="ascii").strip()
    return ""


@contextlib.contextmanager
def _hand(lab: Lab) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(lab.server("node1").root / "run/watchdog"))
        yield sock


@pytest.mark.netns
def test_a_server_that_does_not_feed_it_begins_a_new_life(
    make_lab: MakeLab, eventually: Wait
) -> None:
    lab = make_lab(servers=servers(1))
    first = _boot_id(lab)
    with _hand(lab) as sock:
        sock.sendall(b"arm 400\n")
        for _ in range(10):
            time.sleep(0.1)
            sock.sendall(b"fe")
            sock.sendall(b"ed\n")
        assert _boot_id(lab) == first
        fed = time.monotonic()
    eventually(lambda: _boot_id(lab) not in {"", first})
    assert 0.3 < time.monotonic() - fed < 2
    second = _boot_id(lab)
    time.sleep(0.6)
    assert _boot_id(lab) == second, "a new life begins without an armed watchdog"


@pytest.mark.netns
def test_a_server_that_disarms_it_or_is_paused_lives_on(make_lab: MakeLab) -> None:
    lab = make_lab(servers=servers(1))
    first = _boot_id(lab)
    with _hand(lab) as sock:
        sock.sendall(b"arm 600\n")
        time.sleep(0.1)
        lab.pause("node1")
        time.sleep(1)
        lab.resume("node1")
        sock.sendall(b"feed\ndisarm\n")
    time.sleep(1)
    assert _boot_id(lab) == first
