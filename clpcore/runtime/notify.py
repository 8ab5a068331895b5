"""Tells the service manager how the agent is (the sd_notify protocol)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import MutableMapping
from typing import Final

import attrs

_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


@attrs.define
class Notify:
    """The way to the service manager; without one every word is dropped.

    *variables* is what the manager said in the environment, for a new program in this process.
    """

    variables: dict[str, str]
    _socket: socket.socket | None = None

    @classmethod
    def take(cls, environ: MutableMapping[str, str]) -> Notify:
        """Take the manager's variables out of *environ*: what we start must not speak for us."""
        names = (name for name in _VARIABLES if name in environ)
        return cls({name: environ.pop(name) for name in names})

    @property
    def watchdog(self) -> float | None:
        """Give the seconds between two signs of life that the manager wants at most, if any."""
        text = self.variables.get("WATCHDOG_USEC", "")
        return int(text) / 1_000_000 if text.isdigit() and int(text) > 0 else None

    def ready(self) -> None:
        """Say that the agent has started."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """Say one line for ``systemctl status``."""
        self._send("STATUS=" + text.replace("\n", " "))

    def alive(self) -> None:
        """Feed the manager's watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the agent is leaving."""
        self._send("STOPPING=1")

    def more_time(self, seconds: int) -> None:
        """Ask not to be killed within the next *seconds* while starting or stopping."""
        self._send(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}")

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        address = self.variables.get("NOTIFY_SOCKET")
        if not address:
            return
        if self._socket is None:
            flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            self._socket = socket.socket(socket.AF_UNIX, flags)
        # A manager that does not listen must not stop the agent.
        with contextlib.suppress(OSError):
            self._socket.sendto(text.encode(), address.replace("@", "\0", 1))
