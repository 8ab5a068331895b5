"""Partition drivers: one question whose answer tells a server whether it is cut off."""

from __future__ import annotations

from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call
from clpcore.model.states import Answer


class PartitionDriver(Protocol):
    """Asks one witness, web server or ping target. The core owns interval, tries and timeout.

    The answer is about the way there, not about how the target is:

    * ANSWERED: the target answered, whatever it said.
    * SILENT: the network was asked and gave nothing back in time. So it is where the kernel knows
      no way (no route, the interface is down, no address to send from) and where no name server
      answers: a server that is cut off sees exactly that. Where all is silent, the server stops
      what it serves.
    * UNKNOWN, or a ``DriverError``: the network was not asked (a missing program, no socket, this
      server's own firewall, a name that does not exist), or what came back is no answer of the
      target (connection refused, a certificate that is not trusted, an error of a proxy). That
      shows no cut, so nobody stops on it; and it is no answer, so nobody takes over on it.

    A call that passes its deadline is UNKNOWN: tell silence before that.
    """

    async def ask(self, call: Call, ports: Ports) -> Answer:
        """Ask once.

        Raises:
            DriverError: it could not be asked; counts as UNKNOWN.

        """
        ...
