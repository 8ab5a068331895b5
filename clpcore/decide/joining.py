"""Becoming a member, what a cold start means, and the view with its leader."""

from __future__ import annotations

from clpcore.decide import fencing, session
from clpcore.decide.turn import Turn
from clpcore.model.ids import View
from clpcore.model.state import PeerState
from clpcore.model.states import Automatic, Phase


def settle(turn: Turn) -> None:
    """Join, follow the leader's verification mode, and keep the view."""
    _follow_verification(turn)
    if turn.phase is Phase.STARTING:
        _join(turn)
    _keep_view(turn)


def _follow_verification(turn: Turn) -> None:
    leader = turn.leader()
    if leader in ("", turn.me):
        return
    beat = turn.peers[leader].beat
    if beat is not None and beat.verification != turn.verification:
        set_verification(turn, on=beat.verification)


def set_verification(turn: Turn, *, on: bool) -> None:
    """Enter or leave verification mode; leaving clears every dummy failure here."""
    if turn.verification == on:
        return
    turn.verification = on
    turn.say("rm180" if on else "rm181")
    if not on:
        for name, monitor in turn.monitors.items():
            if monitor.dummy:
                turn.monitors.change(name, dummy=False, next_at=turn.now)


def _join(turn: Turn) -> None:
    """Become a member once the own resources are known and the wait for the others is over."""
    if any(r.probed_at is None for _, r in turn.resources.items()):
        return
    if session.may_answer_soon(turn):
        return  # whoever chooses a home now would pass this server over
    reason = _wait_is_over(turn)
    if reason is None:
        due = turn.since + turn.config.startup_wait
        if turn.now < due:  # after that, only what others say can end the wait
            turn.wake(due)
        return
    if turn.join == 0:
        first = not turn.members()
        joins = [p.beat.join for _, p in turn.peers.items() if p.member and p.beat]
        turn.join = 1 + max(joins, default=0)
        if first:
            begin_cold(turn)
    turn.phase, turn.since = Phase.ONLINE, turn.now
    turn.say(reason, server=turn.me, join=turn.join)
    want_failback(turn, turn.me)


def _wait_is_over(turn: Turn) -> str | None:
    if fencing.is_waited_for(turn):
        return None  # a forced stop of the former life may still hit this one
    if turn.join != 0:
        return "nm25"
    if any(peer.member for _, peer in turn.peers.items()):
        return "nm20"
    if all(peer.state is not PeerState.UNSEEN for _, peer in turn.peers.items()):
        return "nm6"
    if turn.alone:
        return "nm21"
    if turn.config.arbiter is not None and session.good(turn):
        return _listened(turn)
    if turn.now - turn.since >= turn.config.startup_wait:
        return "nm7"
    return None


def _listened(turn: Turn) -> str | None:
    """With an arbiter nobody needs to be waited for, but a living server wants to be heard."""
    due = turn.since + 3 * turn.config.heartbeat_interval
    if turn.now < due:
        turn.wake(due)
        return None
    return "nm26"


def begin_cold(turn: Turn) -> None:
    """A cluster that starts anew starts what its configuration says, not what was stopped once."""
    for group in turn.config.groups:
        wanted = turn.records[group.name].wanted
        auto = group.startup is Automatic.AUTO
        turn.cold.put(group.name, wanted.at_cold_start(auto=auto))


def _keep_view(turn: Turn) -> None:
    leader = turn.leader()
    if leader == turn.me:
        members = turn.members()
        if (turn.view.leader, turn.view.members) != (leader, members):
            turn.view = View(turn.view.counter + 1, leader, members)
            turn.say("nm22", leader=leader, members=", ".join(members), view=turn.view.counter)
    elif leader:
        beat = turn.peers[leader].beat
        if beat and beat.view.leader == leader and beat.view != turn.view:
            if turn.view.leader != leader:
                turn.say("nm23", leader=leader, view=beat.view.counter)
            turn.view = beat.view


def want_failback(turn: Turn, better: str) -> None:
    """Consider, of each group that may, whether it goes back to a server that came online."""
    for group in turn.config.groups:
        if group.failback is Automatic.AUTO and better in turn.config.homes[group.name]:
            wanted = {*(turn.failback.get(group.name) or ()), better}
            turn.failback.put(group.name, tuple(n for n in turn.config.server_names if n in wanted))
