"""Heartbeat drivers: a path between servers that the agent does not drive itself."""

from __future__ import annotations

from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call


class Link(Protocol):
    """An open path. Frames are sealed by the core: the path sees, and may lose, only bytes."""

    async def send(self, server: str, frame: bytes) -> None:
        """Hand over a frame for *server*, best effort; one that is not read in time may be lost.

        Raises:
            Failed: the path does not work now.

        """
        ...

    async def receive(self) -> bytes:
        """Wait for the next frame for this server; who sent it is inside, sealed.

        Raises:
            Failed: the path does not work now, or is closed.

        """
        ...

    async def close(self) -> None:
        """Close it; asked twice ends as if asked once."""
        ...


class HeartbeatDriver(Protocol):
    """Opens the path of ``call.server``."""

    async def open(self, call: Call, ports: Ports) -> Link:
        """Open it.

        Raises:
            Failed: the path does not work now.

        """
        ...
