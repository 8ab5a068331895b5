"""Partition drivers: one question whose answer tells a server whether it is cut off."""

from __future__ import annotations

from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call
from clpcore.model.states import Answer


class PartitionDriver(Protocol):
    """Asks one witness, web server or ping target. The core owns interval, tries and timeout.

    Where nobody answers, the server stops what it serves: SILENT must mean that the question was
    sent and nothing came back. A missing program, a name that cannot be looked up or a socket that
    cannot be made is UNKNOWN, or a ``DriverError``, which counts as one.
    """

    async def ask(self, call: Call, ports: Ports) -> Answer:
        """Ask once.

        Raises:
            DriverError: it could not be asked; counts as UNKNOWN.

        """
        ...
