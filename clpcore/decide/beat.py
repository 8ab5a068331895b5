"""The heartbeat that this server sends now."""

from __future__ import annotations

from clpcore.decide import fencing
from clpcore.model.config import ClusterConfig
from clpcore.model.peer import Beat, Heard, Held
from clpcore.model.state import ClusterState

HELD_AT_MOST = 24  # keeps a frame within one packet; all groups are named in turn


def beat(config: ClusterConfig, state: ClusterState) -> Beat:
    """Give the body of a heartbeat; pure and cheap."""
    held = sorted((name, group.epoch) for name, group in state.groups.items() if group.epoch)
    if len(held) > HELD_AT_MOST:
        first = (state.now // 50) % len(held)
        held = (held + held)[first : first + HELD_AT_MOST]
    return Beat(
        boot_id=state.incarnation.boot.id,
        phase=state.phase,
        join=state.run.join,
        view=state.kept.view,
        hears=tuple(
            Heard(name, state.run.boots.get(name, 0), peer.up) for name, peer in state.peers.items()
        ),
        held=tuple(Held(name, epoch) for name, epoch in held),
        report=state.report,
        verification=state.verification,
        fences=fencing.open_requests(config, state),
        may_freeze=state.freeze is not None,
        at=state.now,
    )
