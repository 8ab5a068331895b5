"""A real watchdog is opened only where real power is, and is armed, fed and disarmed as asked."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from clpcore.runtime import watchdog
from clpcore.runtime.places import Root, Whereabouts
from clpcore.runtime.watchdog import DeviceWatchdog, LabWatchdog, NoWatchdog, WatchdogError


def where(root: Path, *, lab: bool) -> Whereabouts:
    return Whereabouts(root=Root(root), server="node1", lab=lab)


def test_a_server_of_the_lab_has_the_labs_and_never_the_machines(tmp_path: Path) -> None:
    chosen = watchdog.choose(where(tmp_path, lab=True), {"CLP_POWER": "systemd"})
    assert chosen == LabWatchdog(tmp_path / "run/watchdog")


def test_an_agent_that_may_not_stop_the_machine_has_none(tmp_path: Path) -> None:
    chosen = watchdog.choose(where(tmp_path, lab=False), {})
    assert isinstance(chosen, NoWatchdog)
    with pytest.raises(WatchdogError, match="CLP_POWER is 'none'"):
        chosen.arm(1_000)


# -- the kernel's device, played by a pipe and by our own ioctl


@attrs.define
class Device:
    """What the kernel does with a watchdog: keeps what is written, takes or bends a timeout."""

    shortest: int = 1
    seconds: int = 60
    written: bytes = b""

    def ioctl(self, _fd: int, request: int, data: bytes) -> bytes:
        (value,) = watchdog._NUMBER.unpack(data)
        if request == watchdog._SET_TIMEOUT:
            self.seconds = max(self.shortest, value)
        else:
            assert request == watchdog._GET_TIMEOUT
        return watchdog._NUMBER.pack(self.seconds)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device()
    monkeypatch.setattr(fcntl, "ioctl", made.ioctl)
    return made


@pytest.mark.parametrize(("timeout", "seconds"), [(15_000, 15), (15_900, 15), (500, 1)])
def test_it_counts_whole_seconds_and_not_one_too_many(
    tmp_path: Path, device: Device, timeout: int, seconds: int
) -> None:
    path = tmp_path / "watchdog"
    path.touch()
    one = DeviceWatchdog(path)
    one.arm(timeout)
    assert device.seconds == seconds
    one.feed()
    assert path.read_bytes() == b"\0\0"
    one.disarm()
    assert path.read_bytes() == b"\0\0V"


def test_one_that_counts_longer_than_the_lease_allows_is_refused(
    tmp_path: Path, device: Device
) -> None:
    device.shortest = 60
    path = tmp_path / "watchdog"
    path.touch()
    with pytest.raises(WatchdogError, match=r"counts 60 s, and \[arbiter\] watchdog allows 15 s"):
        DeviceWatchdog(path).arm(15_000)
    assert path.read_bytes() == b"V", "it is not left armed"


def test_one_that_is_left_says_no_good_bye(tmp_path: Path, device: Device) -> None:
    path = tmp_path / "watchdog"
    path.touch()
    one = DeviceWatchdog(path)
    one.arm(15_000)
    one.leave()
    assert path.read_bytes() == b"\0"
    assert device.seconds == 15


def test_one_that_is_not_there_or_takes_no_timeout_is_told(tmp_path: Path) -> None:
    with pytest.raises(WatchdogError, match="No such file"):
        DeviceWatchdog(tmp_path / "none").arm(15_000)
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(WatchdogError, match=f"{path} takes no timeout: Inappropriate ioctl"):
        DeviceWatchdog(path).arm(15_000)


# -- the lab's


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "run/watchdog"))
        sock.listen()
        sock.settimeout(5)
        yield sock


def test_the_labs_init_hears_words(tmp_path: Path, listener: socket.socket) -> None:
    one = LabWatchdog(tmp_path / "run/watchdog")
    one.arm(700)
    one.feed()
    one.disarm()
    connection, _ = listener.accept()
    with connection:
        said = b""
        while data := connection.recv(4_096):
            said += data
    assert said == b"arm 700\nfeed\ndisarm\n"


def test_a_lab_without_init_is_told(tmp_path: Path) -> None:
    one = LabWatchdog(tmp_path / "run/watchdog")
    with pytest.raises(WatchdogError, match="No such file"):
        one.arm(700)
    one.feed()  # nobody is there: no harm
    one.leave()
