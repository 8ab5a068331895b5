"""The live state as one server knows it: what a forecast begins with (``clp simulate``)."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Boot
from clpcore.model.kept import Kept
from clpcore.model.peer import MonitorReport
from clpcore.model.state import PeerState
from clpcore.model.states import Phase


@attrs.frozen(kw_only=True)
class Seen:
    """One server.

    Attributes:
        state: whether it is heard; the server that tells is.
        phase: of its life in the cluster, where it is heard.
        boot: the life of it that was heard last, if any was.
        join: its order of admission.
        held: the epoch of each group that it serves.
        active: the resources, "group/resource", that are active on it.
        monitors: what its monitors say, where that is not the usual.

    """

    state: PeerState
    phase: Phase
    boot: Boot | None = None
    join: int = 0
    held: Mapping[str, int] = attrs.field(factory=dict)
    active: tuple[str, ...] = ()
    monitors: tuple[MonitorReport, ...] = ()

    @property
    def online(self) -> bool:
        """Tell whether it is a member."""
        return self.state is PeerState.UP and self.phase is Phase.ONLINE


@attrs.frozen(kw_only=True)
class Picture:
    """The whole cluster; *config* is without the settings of drivers, which may hold secrets.

    *took*: how many ms a driver's call took on the average, by "type/call", where it was measured
    on the server that tells.
    """

    me: str
    wall: int
    config: ClusterConfig
    kept: Kept
    servers: Mapping[str, Seen]
    took: Mapping[str, int] = attrs.field(factory=dict)
