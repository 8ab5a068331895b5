"""Partition drivers: one question whose answer tells a server whether it is cut off."""

from __future__ import annotations

import enum
from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call


class Answer(enum.Enum):
    """What one question came to."""

    ANSWERED = "answered"  # it was reached from here, whatever it said
    SILENT = "silent"  # it did not answer in time: perhaps this server is cut off
    UNKNOWN = "unknown"  # it could not be asked: says nothing about the network


class PartitionDriver(Protocol):
    """Asks one witness, web server or ping target. The core owns interval, tries and timeout.

    Where nobody answers, the server stops what it serves: SILENT must mean that the question was
    sent and nothing came back. A missing program, a name that cannot be looked up or a socket that
    cannot be made is UNKNOWN, or a ``DriverError``, which counts as one.
    """

    async def ask(self, call: Call, ports: Ports) -> Answer:
        """Ask once."""
        ...
