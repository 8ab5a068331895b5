"""Who is there: signs of life, silence, clean leaves."""

from __future__ import annotations

import attrs

from clpcore.decide import evidence, fencing, freezing, joining, numbering
from clpcore.decide.turn import Turn
from clpcore.model import inputs as given
from clpcore.model.config import ClusterConfig
from clpcore.model.ids import Incarnation
from clpcore.model.ownership import EvidenceKind
from clpcore.model.peer import Beat, Bye
from clpcore.model.state import ClusterState, Decision, Peer, PeerState
from clpcore.model.states import Phase


def quiet(config: ClusterConfig, state: ClusterState, taken: given.Input) -> Decision | None:
    """Answer at once what changes nothing: a tick before its time, a heartbeat without news."""
    now = max(taken.now, state.now)
    due = state.wake_at is None or now >= state.wake_at
    if due or taken.now - state.now > _gap_limit(config):
        return None
    if isinstance(taken, given.Tick):
        changed = attrs.evolve(state, now=now)
    elif isinstance(taken, given.HeardBeat):
        peer = state.peers.get(taken.sender)
        if peer is None or not _no_news(state, peer, taken):
            return None
        again = attrs.evolve(peer, beat=taken.beat, links={**peer.links, taken.link: now})
        changed = attrs.evolve(state, now=now, peers={**state.peers, taken.sender: again})
    else:
        return None
    return Decision(state=changed, actions=(), because=(), wake_at=state.wake_at)


def _no_news(state: ClusterState, peer: Peer, taken: given.HeardBeat) -> bool:
    """Tell whether it says what was said before; which groups it names changes all the time."""
    before, beat = peer.beat, taken.beat
    if before is None or not peer.up or peer.incarnation != taken.incarnation:
        return False
    return (
        taken.link in peer.links
        and taken.link not in peer.lost
        and before.at <= beat.at
        and peer.report == beat.report
        and before.phase is beat.phase
        and before.join == beat.join
        and before.view == beat.view
        and before.hears == beat.hears
        and before.fences == beat.fences
        and before.verification == beat.verification
        and before.may_freeze == beat.may_freeze
        and not any(_mine(state, each.group) for each in beat.held)
    )


def _mine(state: ClusterState, group: str) -> bool:
    local = state.groups.get(group)
    return local is not None and local.epoch != 0


def pause_limit(config: ClusterConfig) -> int:
    """Give the longest gap between two inputs that is not a pause of this server, in ms.

    The runtime ticks every heartbeat interval; half a timeout without any input means that this
    server slept, and that the others' silence is its own deafness (R8).
    """
    return max(2 * config.heartbeat_interval, config.heartbeat_timeout // 2)


def _gap_limit(config: ClusterConfig) -> int:
    """Give the longest gap between two inputs in which this server ran all the time, in ms.

    One that is a little longer matters to who was asked something and had to answer meanwhile.
    """
    return 2 * config.heartbeat_interval


def notice_pause(turn: Turn) -> int:
    """After a long pause of this server, give every other one a full timeout again.

    Returns:
        How long the pause was, in ms; 0 without one.

    """
    gap = turn.now - turn.was.now
    if gap <= _gap_limit(turn.config):
        return 0
    if gap <= pause_limit(turn.config):
        return gap
    turn.say("nm90", ms=gap)
    for name, peer in turn.peers.items():
        if peer.up:
            turn.peers.change(name, links=dict.fromkeys(peer.links, turn.now))
    return gap


def knows(turn: Turn, sender: str, incarnation: Incarnation) -> bool:
    """Tell whether a letter comes from the life of *sender* that is heard now."""
    peer = turn.peers.get(sender)
    return peer is not None and peer.there and peer.incarnation == incarnation


# -- signs of life


def take_beat(turn: Turn, taken: given.HeardBeat) -> None:
    """Note a sign of life; a newer boot proves that the older one is over."""
    before = turn.peers.get(taken.sender)
    if before is None or _of_an_older_life(turn, before, taken):
        return
    if _overtaken(turn, before, taken):
        return
    numbering.notice(turn, taken.sender, taken.beat)
    peer = before
    if peer.incarnation != taken.incarnation:
        peer = _new_incarnation(turn, taken, peer)
    if peer.state is PeerState.LEFT or taken.beat.phase is Phase.OFFLINE:
        # A life that said good-bye, or says so again: no beat of it brings anything back.
        _left(turn, taken.sender, attrs.evolve(peer, beat=taken.beat, links={taken.link: turn.now}))
        return
    links = {**(peer.links if peer.up else {}), taken.link: turn.now}
    if not peer.up:
        _say_heard(turn, taken.sender, peer)
        fencing.is_heard(turn, taken.sender, taken.incarnation.boot)
        peer = attrs.evolve(peer, state=PeerState.UP, since=turn.now, evidence=None, told={})
    if _joined(peer.beat, taken.beat):
        joining.want_failback(turn, taken.sender)
    freezing.notice(turn, taken.sender, peer.beat, taken.beat)
    peer = attrs.evolve(peer, beat=taken.beat, links=links)
    turn.peers.put(taken.sender, peer)
    _note_boots(turn, taken)
    if _stands_otherwise(before, peer):
        evidence.stir(turn, turn.records, taken.sender)


def _overtaken(turn: Turn, peer: Peer, taken: given.HeardBeat) -> bool:
    """Tell whether a newer beat of this life came first; then this one only shows a link alive.

    Not even that when it is older than two intervals: it may have been recorded and played again.
    """
    newest = peer.beat
    if newest is None or peer.incarnation != taken.incarnation or taken.beat.at >= newest.at:
        return False
    if peer.up and newest.at - taken.beat.at <= 2 * turn.config.heartbeat_interval:
        turn.peers.change(taken.sender, links={**peer.links, taken.link: turn.now})
    return True


def _of_an_older_life(turn: Turn, peer: Peer, taken: given.HeardBeat) -> bool:
    boot = taken.incarnation.boot
    if boot.counter < (turn.boots.get(taken.sender) or 0):
        return True
    if peer.incarnation is None or taken.incarnation > peer.incarnation:
        return False
    if boot.counter == peer.incarnation.boot.counter and boot != peer.incarnation.boot:
        numbering.lost(turn, taken.sender, boot.counter)
        return True
    return taken.incarnation < peer.incarnation


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
    elif turn.peers[sender].incarnation is None:  # else it was told that it has started anew
        turn.say("nm1", server=sender)


def _joined(before: Beat | None, now: Beat) -> bool:
    return now.phase is Phase.ONLINE and (before is None or before.phase is not Phase.ONLINE)


def _note_boots(turn: Turn, taken: given.HeardBeat) -> None:
    """Note the newest boots, its own and those that it heard: older evidence is void (4.4)."""
    turn.boots.put(taken.sender, taken.incarnation.boot.counter)
    for heard in taken.beat.hears:
        if heard.server in turn.peers and heard.boot > (turn.boots.get(heard.server) or 0):
            turn.boots.put(heard.server, heard.boot)
            evidence.stir(turn, turn.records, heard.server)


def _stands_otherwise(before: Peer, now: Peer) -> bool:
    """Tell whether what changed of a server can matter to any group."""
    return (before.state, before.incarnation, before.phase, before.evidence) != (
        now.state,
        now.incarnation,
        now.phase,
        now.evidence,
    )


def take_bye(turn: Turn, sender: str, bye: Bye) -> None:
    """Note a clean leave: that boot runs nothing any more."""
    peer = turn.peers[sender]
    if peer.incarnation is None or peer.incarnation.boot.counter != bye.boot:
        return
    _left(turn, sender, peer)


def _left(turn: Turn, sender: str, peer: Peer) -> None:
    before = turn.peers[sender]
    if peer.state is not PeerState.LEFT:
        turn.say("nm14", server=sender)
    now = Peer(
        state=PeerState.LEFT,
        incarnation=peer.incarnation,
        since=peer.since if peer.state is PeerState.LEFT else turn.now,
        evidence=EvidenceKind.CLEAN,
        beat=peer.beat,
        links=peer.links,
    )
    turn.peers.put(sender, now)
    if peer.incarnation is not None:
        turn.boots.put(sender, peer.incarnation.boot.counter)
    if _stands_otherwise(before, now):
        evidence.stir(turn, turn.records, sender)


# -- consequences


def settle(turn: Turn) -> None:
    """Find silence."""
    numbering.settle(turn)
    freezing.settle(turn)
    for name, peer in turn.peers.items():
        if not _can_fall_silent(peer):
            continue
        last, timeout = evidence.last_sign(peer), freezing.timeout(turn.config, peer)
        if turn.now - last < timeout:
            turn.wake(last + timeout)
        elif peer.state is PeerState.LEFT:
            turn.peers.change(name, links={})  # its agent is gone as well
        else:
            turn.say("nm2", server=name, ms=turn.now - last, timeout=timeout)
            evidence.fall_silent(turn, name)


def _can_fall_silent(peer: Peer) -> bool:
    """Tell whether its silence would be news."""
    return peer.up or (peer.state is PeerState.LEFT and bool(peer.links))
