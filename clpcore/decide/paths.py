"""A path on which a server is not heard any more, while it is heard on another one.

Nothing follows from it but a sentence: the loss of the last path is silence (``membership``).
"""

from __future__ import annotations

from clpcore.decide import freezing
from clpcore.decide.turn import Turn
from clpcore.model.state import Peer
from clpcore.model.states import Phase


def settle(turn: Turn) -> None:
    """Tell of each path that is lost, or that is back."""
    names = [each.name for each in turn.config.heartbeats]
    if len(names) < 2 or turn.phase in (Phase.OFFLINE, Phase.DYING):  # noqa: PLR2004 - two paths
        return
    for server, peer in turn.peers.items():
        if peer.up:
            lost = tuple(name for name in names if _is_lost(turn, server, peer, name))
            if lost != peer.lost:
                turn.peers.change(server, lost=lost)


def _is_lost(turn: Turn, server: str, peer: Peer, path: str) -> bool:
    """Tell whether *server* is missed on *path*; one on which it was never heard gets a timeout."""
    last, before = peer.links.get(path, peer.since), path in peer.lost
    silent, timeout = turn.now - last, freezing.timeout(turn.config, peer)
    if silent >= timeout:
        if not before:
            turn.say("nm4", server=server, heartbeat=path, ms=silent)
        return True
    turn.wake(last + timeout)
    if path not in peer.links or silent >= turn.config.heartbeat_timeout:
        return before  # it may be frozen, as was announced: neither is news
    if before:
        turn.say("nm3", server=server, heartbeat=path)
    return False
