"""The watchdogs that can reset this machine: the kernel's device, the lab's, or none.

As with power, a real one is never guessed: it is opened only where CLP_POWER is ``systemd``, and by
no agent of the lab or of another PID namespace, whose "machine" is a namespace on somebody's.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import attrs

from clpcore.runtime import power, unixsockets
from clpcore.runtime.places import Whereabouts

DEVICE: Final = Path("/dev/watchdog")
# From linux/watchdog.h: _IOWR('W', 6, int) and _IOR('W', 7, int).
_SET_TIMEOUT, _GET_TIMEOUT = 0xC0045706, 0x80045707
_NUMBER: Final = struct.Struct("=i")
_GOOD_BYE: Final = b"V"  # without this a close leaves it armed
_LAB_SECONDS: Final = 1.0


class WatchdogError(Exception):
    """It cannot be armed, or fed; says why, and what to do."""


class Watchdog(Protocol):
    """A clock that resets the machine unless it is fed. It blocks for a moment at most."""

    @property
    def name(self) -> str:
        """Give its name for people."""
        ...

    def arm(self, timeout: int) -> None:
        """Let it reset the machine *timeout* ms after the last feeding, of which this is one.

        Raises:
            WatchdogError: it is not armed.

        """
        ...

    def feed(self) -> None:
        """Show that all is well; raises WatchdogError."""
        ...

    def disarm(self) -> None:
        """Let it reset nothing any more; raises WatchdogError."""
        ...

    def leave(self) -> None:
        """Let go of it as it is: armed."""
        ...


@attrs.frozen
class NoWatchdog:
    """None; *reason* tells why."""

    reason: str
    name: str = "none"

    def arm(self, timeout: int) -> None:
        """Refuse."""
        raise WatchdogError(self.reason)

    def feed(self) -> None:
        """Feed nobody."""

    def disarm(self) -> None:
        """Disarm nobody."""

    def leave(self) -> None:
        """Leave nobody."""


@attrs.define
class DeviceWatchdog:
    """The kernel's: a chip of the machine, or ``softdog``."""

    path: Path = DEVICE
    _fd: int = -1

    @property
    def name(self) -> str:
        """Give its name for people."""
        return str(self.path)

    def arm(self, timeout: int) -> None:
        """Open it, which starts it, and let it count whole seconds, not more than *timeout*."""
        if self._fd < 0:
            try:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            except OSError as error:
                raise WatchdogError(f"{self.path}: {error.strerror}") from error
        wanted = max(1, timeout // 1_000)
        try:
            fcntl.ioctl(self._fd, _SET_TIMEOUT, _NUMBER.pack(wanted))
            (seconds,) = _NUMBER.unpack(fcntl.ioctl(self._fd, _GET_TIMEOUT, bytes(_NUMBER.size)))
        except OSError as error:
            self.disarm()
            raise WatchdogError(f"{self.path} takes no timeout: {error.strerror}") from error
        if seconds * 1_000 > max(timeout, 1_000):
            self.disarm()
            raise WatchdogError(
                f"{self.path} counts {seconds} s, and [arbiter] watchdog allows {wanted} s"
            )
        self.feed()

    def feed(self) -> None:
        """Write to it."""
        self._write(b"\0")

    def disarm(self) -> None:
        """Say good-bye, and close it."""
        try:
            self._write(_GOOD_BYE)
        finally:
            self.leave()

    def leave(self) -> None:
        """Close it; it goes on counting."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        try:
            os.write(self._fd, data)
        except OSError as error:
            raise WatchdogError(f"{self.path}: {error.strerror}") from error


@attrs.define
class LabWatchdog:
    """That of the lab's init, PID 1 of this server's namespace."""

    path: Path
    name: str = "lab"
    _sock: socket.socket | None = None

    def arm(self, timeout: int) -> None:
        """Connect, and say how long."""
        self.leave()
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(_LAB_SECONDS)
        try:
            unixsockets.connect(self._sock, self.path)
            self._say(f"arm {timeout}")
        except (OSError, WatchdogError) as error:
            self.leave()
            raise WatchdogError(f"{self.path}: {error}") from error

    def feed(self) -> None:
        """Say so."""
        self._say("feed")

    def disarm(self) -> None:
        """Say so."""
        try:
            self._say("disarm")
        finally:
            self.leave()

    def leave(self) -> None:
        """Hang up; it goes on counting."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _say(self, word: str) -> None:
        try:
            if self._sock is not None:
                self._sock.sendall(f"{word}\n".encode())
        except OSError as error:
            raise WatchdogError(error.strerror or str(error)) from error


def choose(where: Whereabouts, environ: Mapping[str, str] = os.environ) -> Watchdog:
    """Give the watchdog that is allowed here."""
    if where.lab:
        return LabWatchdog(where.root.watchdog)
    port = power.choose(where, environ)
    if isinstance(port, power.NoPower):
        return NoWatchdog(port.reason)
    return DeviceWatchdog()
