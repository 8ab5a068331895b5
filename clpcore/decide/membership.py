"""Who is there: signs of life, silence, clean leaves, joining, the view and its leader."""

from __future__ import annotations

import attrs

from clpcore.decide.turn import Turn
from clpcore.model import inputs as given
from clpcore.model.actions import RaiseBoot
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation, View
from clpcore.model.ownership import EvidenceKind
from clpcore.model.peer import Beat, Bye
from clpcore.model.state import ClusterState, Decision, Peer, PeerState
from clpcore.model.states import Automatic, Phase


def quiet(config: ClusterConfig, state: ClusterState, taken: given.Input) -> Decision | None:
    """Answer at once what changes nothing: a tick before its time, a heartbeat without news."""
    if taken.now - state.now > pause_limit(config):
        return None
    now = max(taken.now, state.now)
    if isinstance(taken, given.Tick):
        if state.wake_at is None or now >= state.wake_at:
            return None
        changed = attrs.evolve(state, now=now)
    elif isinstance(taken, given.HeardBeat):
        peer = state.peers.get(taken.sender)
        if peer is None or not _no_news(peer, taken):
            return None
        again = attrs.evolve(peer, links={**peer.links, taken.link: now})
        changed = attrs.evolve(state, now=now, peers={**state.peers, taken.sender: again})
    else:
        return None
    return Decision(state=changed, actions=(), because=(), wake_at=state.wake_at)


def _no_news(peer: Peer, taken: given.HeardBeat) -> bool:
    return (
        peer.up
        and peer.incarnation == taken.incarnation
        and peer.beat == taken.beat
        and taken.link in peer.links
        and peer.report == taken.beat.report
    )


def pause_limit(config: ClusterConfig) -> int:
    """Give the longest gap between two inputs that is not a pause of this server, in ms.

    The runtime ticks every heartbeat interval; half a timeout without any input means that this
    server slept, and that the others' silence is its own deafness (R8).
    """
    return max(2 * config.heartbeat_interval, config.heartbeat_timeout // 2)


def notice_pause(turn: Turn) -> None:
    """After a pause of this server, give every other one a full timeout again."""
    gap = turn.now - turn.was.now
    if gap <= pause_limit(turn.config):
        return
    turn.say("nm90", ms=gap)
    for name, peer in turn.peers.items():
        if peer.up:
            turn.peers.change(name, links=dict.fromkeys(peer.links, turn.now))


def knows(turn: Turn, sender: str, incarnation: Incarnation) -> bool:
    """Tell whether a letter comes from the life of *sender* that is heard now."""
    peer = turn.peers.get(sender)
    return peer is not None and peer.there and peer.incarnation == incarnation


# -- signs of life


def take_beat(turn: Turn, taken: given.HeardBeat) -> None:
    """Note a sign of life; a newer boot proves that the older one is over."""
    peer = turn.peers.get(taken.sender)
    if peer is None:
        return
    known = peer.incarnation
    if known is not None and taken.incarnation < known:
        return
    _notice_own_number(turn, taken.sender, taken.beat)
    if known is None or taken.incarnation != known:
        peer = _new_incarnation(turn, taken, peer)
    if peer.state is PeerState.LEFT or taken.beat.phase is Phase.OFFLINE:
        # A life that said good-bye, or says so again: no beat of it brings anything back.
        _left(turn, taken.sender, attrs.evolve(peer, beat=taken.beat))
        turn.peers.change(taken.sender, links={taken.link: turn.now})
        return
    links = {**(peer.links if peer.up else {}), taken.link: turn.now}
    if not peer.up:
        _say_heard(turn, taken.sender, peer)
        peer = attrs.evolve(peer, state=PeerState.UP, since=turn.now, evidence=None, told={})
    if _joined(peer.beat, taken.beat):
        _want_failback(turn, taken.sender)
    named = {each.group: each.epoch for each in taken.beat.held}
    held = peer.held if named == peer.held else named
    turn.peers.put(taken.sender, attrs.evolve(peer, beat=taken.beat, links=links, held=held))
    turn.boots.put(taken.sender, taken.incarnation.boot.counter)


def _new_incarnation(turn: Turn, taken: given.HeardBeat, peer: Peer) -> Peer:
    old = peer.incarnation
    new_boot = old is None or old.boot < taken.incarnation.boot
    if old is not None and new_boot:
        turn.say(
            "nm11",
            server=taken.sender,
            old=old.boot.counter,
            new=taken.incarnation.boot.counter,
        )
    elif old is not None:
        turn.say("nm12", server=taken.sender, start=taken.incarnation.start)
    return Peer(
        state=PeerState.UNSEEN if new_boot or peer.state is PeerState.LEFT else peer.state,
        incarnation=taken.incarnation,
        since=turn.now if new_boot else peer.since,
        links=peer.links,
    )


def _say_heard(turn: Turn, sender: str, peer: Peer) -> None:
    if peer.state is PeerState.SILENT:
        turn.say("nm13", server=sender, ms=turn.now - peer.since)
    else:
        turn.say("nm1", server=sender)


def _joined(before: Beat | None, now: Beat) -> bool:
    return now.phase is Phase.ONLINE and (before is None or before.phase is not Phase.ONLINE)


def _want_failback(turn: Turn, better: str) -> None:
    pairs = tuple(
        (group.name, better)
        for group in turn.config.groups
        if group.failback is Automatic.AUTO and better in turn.config.homes[group.name]
    )
    turn.failback = tuple(sorted({*turn.failback, *pairs}))


def _notice_own_number(turn: Turn, sender: str, beat: Beat) -> None:
    """After a lost journal, peers know a higher boot than ours and will not listen to us."""
    mine = turn.incarnation.boot.counter
    fresh = all(record.version.round == 0 for _, record in turn.records.items())
    for heard in beat.hears:
        if heard.server != turn.me:
            continue
        deaf = not heard.now and heard.boot == mine and fresh and turn.phase is Phase.STARTING
        if heard.boot > mine or (deaf and turn.incarnation.start == 1 and _settled(turn)):
            turn.say("nm91", server=sender, boot=heard.boot, mine=mine)
            turn.do(RaiseBoot(heard.boot))


def _settled(turn: Turn) -> bool:
    return turn.now - turn.since > turn.config.heartbeat_timeout


def take_bye(turn: Turn, sender: str, bye: Bye) -> None:
    """Note a clean leave: that boot runs nothing any more."""
    peer = turn.peers[sender]
    if peer.incarnation is None or peer.incarnation.boot.counter != bye.boot:
        return
    _left(turn, sender, peer)


def _left(turn: Turn, sender: str, peer: Peer) -> None:
    if peer.state is not PeerState.LEFT:
        turn.say("nm14", server=sender)
    turn.peers.put(
        sender,
        Peer(
            state=PeerState.LEFT,
            incarnation=peer.incarnation,
            since=peer.since if peer.state is PeerState.LEFT else turn.now,
            evidence=EvidenceKind.CLEAN,
            beat=peer.beat,
        ),
    )
    if peer.incarnation is not None:
        turn.boots.put(sender, peer.incarnation.boot.counter)


# -- consequences


def settle(turn: Turn) -> None:
    """Find silence, join, and keep the view."""
    _find_silence(turn)
    _follow_verification(turn)
    if turn.phase is Phase.STARTING:
        _join(turn)
    _keep_view(turn)


def _find_silence(turn: Turn) -> None:
    timeout = turn.config.heartbeat_timeout
    for name, peer in turn.peers.items():
        if not peer.up:
            continue
        last = max(peer.links.values(), default=peer.since)
        if turn.now - last < timeout:
            turn.wake(last + timeout)
            continue
        evidence = EvidenceKind.NONE if turn.config.unproven_takeover else None
        turn.say("nm2", server=name, ms=turn.now - last, timeout=timeout)
        turn.peers.put(
            name,
            attrs.evolve(
                peer, state=PeerState.SILENT, since=turn.now, evidence=evidence, held={}, told={}
            ),
        )


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
    reason = _wait_is_over(turn)
    if reason is None:
        turn.wake(turn.since + turn.config.startup_wait)
        return
    first = not turn.members()
    if turn.join == 0:
        joins = [p.beat.join for _, p in turn.peers.items() if p.member and p.beat]
        turn.join = 1 + max(joins, default=0)
        if first:
            _begin_cold(turn)
    turn.phase, turn.since = Phase.ONLINE, turn.now
    turn.say(reason, server=turn.me, join=turn.join)
    _want_failback(turn, turn.me)


def _wait_is_over(turn: Turn) -> str | None:
    if any(peer.member for _, peer in turn.peers.items()):
        return "nm20"
    if all(peer.state is not PeerState.UNSEEN for _, peer in turn.peers.items()):
        return "nm6"
    if turn.alone:
        return "nm21"
    if turn.now - turn.since >= turn.config.startup_wait:
        return "nm7"
    return None


def _begin_cold(turn: Turn) -> None:
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
