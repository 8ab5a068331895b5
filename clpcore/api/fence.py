"""Fence drivers: make a silent server certainly stopped."""

from __future__ import annotations

from typing import Protocol

from clpcore.api.ports import Ports
from clpcore.model.actions import Call
from clpcore.model.inputs import Observation
from clpcore.model.states import Power


class FenceDriver(Protocol):
    """Cuts the power of ``call.victim``. The request causes, the read-back proves.

    It is made with the victim's settings, on whichever server it is called: ``server.node1.KEY``
    of ``[fencing.NAME]`` says something about stopping node1, and not about node1 stopping others.
    A worker that dies takes no fence with it: the call may be made again within its deadline.
    """

    async def can_fence(self, call: Call, ports: Ports) -> Observation:
        """Look, changing nothing, whether a fence of the victim would work; say in words why not.

        NORMAL: the victim is known there and the credentials are good. ERROR: it would fail.
        """
        ...

    async def fence(self, call: Call, ports: Ports) -> Power:
        """Request that the victim stops, then read back until it has, or it is out of reach.

        OFF only when the power state was *read* as stopped after this call began, whoever caused
        it: another server takes over on it. An accepted request is no proof: UNKNOWN. ON: it was
        read as running when there was no time left. Fencing who is off already is OFF.
        """
        ...
