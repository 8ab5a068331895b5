"""A freeze that was announced: for a while a server may be silent for longer than others.

The server that expects it says so in its heartbeats, so that a word that is lost, or an agent that
forgets it, only brings the ordinary timeout back. It is about speed: what makes a takeover safe is
not asked less for it.
"""

from __future__ import annotations

from typing import Final

from clpcore.decide.turn import Turn
from clpcore.model.config import ClusterConfig
from clpcore.model.peer import Beat
from clpcore.model.state import Freeze, Peer

LONGEST_MS: Final = 1_200_000  # that one word counts: Azure announces 15 minutes ahead
_BEATS: Final = 3  # that carried it: whoever heard none of them is about to miss this server anyway


def expect(turn: Turn, ms: int) -> None:
    """Take the word that this server may freeze during the next *ms*; 0: it no longer may."""
    until = turn.now + min(ms, LONGEST_MS)
    before = turn.freeze
    if ms <= 0:
        _end(turn)
    elif before is not None:
        turn.freeze = Freeze(since=before.since, until=until)
    else:
        turn.freeze = Freeze(since=turn.now, until=until)
        turn.say("nm33", server=turn.me, ms=turn.config.longest_silence)


def settle(turn: Turn) -> None:
    """Forget it when its time is over."""
    if turn.freeze is None:
        return
    if turn.now >= turn.freeze.until:
        _end(turn)
    else:
        turn.wake(turn.freeze.until)


def _end(turn: Turn) -> None:
    if turn.freeze is not None:
        turn.freeze = None
        turn.say("nm34", server=turn.me)


def told(turn: Turn) -> bool:
    """Tell whether the others have heard of it, as far as heartbeats arrive at all."""
    freeze = turn.freeze
    return freeze is not None and turn.now >= freeze.since + _BEATS * turn.config.heartbeat_interval


def notice(turn: Turn, server: str, before: Beat | None, now: Beat) -> None:
    """Say that another server expects a freeze, or no longer does."""
    if now.may_freeze and not (before and before.may_freeze):
        turn.say("nm33", server=server, ms=turn.config.longest_silence)
    elif before and before.may_freeze and not now.may_freeze:
        turn.say("nm34", server=server)


def timeout(config: ClusterConfig, peer: Peer) -> int:
    """Give how long another server may be silent, in ms, by its last word."""
    expected = peer.beat is not None and peer.beat.may_freeze
    return config.longest_silence if expected else config.heartbeat_timeout
