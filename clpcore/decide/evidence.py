"""What is proven about others, and what this server may do with a group."""

from __future__ import annotations

from collections.abc import Iterable

from clpcore import messages
from clpcore.decide import maintenance
from clpcore.decide.turn import Turn
from clpcore.model.guards import Wants
from clpcore.model.ids import Boot
from clpcore.model.members import Resource
from clpcore.model.ownership import EvidenceKind, Record
from clpcore.model.reasons import Because
from clpcore.model.state import Goal, LocalResource, Peer, PeerState
from clpcore.model.states import Exclusion, FinalAction, Phase, Presence, Shown


def proof(turn: Turn, server: str) -> EvidenceKind | None:
    """Tell why *server* need not be asked: what it ran is over, whichever boot that was."""
    if server == turn.me or server in turn.up:
        return None
    if server not in turn.peers:
        return EvidenceKind.OPERATOR if turn.alone else None  # taken out of the configuration
    known = turn.stopped.get(server)
    if known is not None and known.boot >= _newest(turn, server):
        return known.kind
    peer = turn.peers[server]
    if peer.evidence is EvidenceKind.CLEAN and turn.boot_of(server).counter < _newest(turn, server):
        return None  # it left, and others have heard it since
    return peer.evidence


def proof_about(turn: Turn, server: str, boot: Boot) -> EvidenceKind | None:
    """Tell why the life *boot* of *server* runs nothing any more; None: it may be serving."""
    if server == turn.me:
        return None if boot == turn.incarnation.boot else EvidenceKind.NEW_BOOT
    known = turn.boot_of(server)
    another = known.counter == boot.counter and known != boot
    if boot.counter < _newest(turn, server) or another:
        return EvidenceKind.NEW_BOOT
    kind = proof(turn, server)
    if kind is EvidenceKind.CLEAN and known < boot:
        return None  # it left, but that was an earlier life than the one in question
    stopped = turn.stopped.get(server)
    if stopped is not None and kind is stopped.kind and stopped.boot < boot.counter:
        return None  # so was the one that was stopped
    return kind


def _newest(turn: Turn, server: str) -> int:
    """Give the highest boot counter known of *server*, from itself or from others."""
    return turn.boots.get(server) or 0


def fall_silent(turn: Turn, name: str) -> None:
    """Note that a server is not heard any more; what that means is not said here."""
    turn.peers.change(name, state=PeerState.SILENT, since=turn.now, evidence=None, told={})
    stir(turn, turn.records, name)


def last_sign(peer: Peer) -> int:
    """Give when it was last heard; of one that never was, since when it was listened for."""
    return max(peer.links.values(), default=peer.since)


def silent(turn: Turn, name: str) -> int | None:
    """Give since when a server counts as silent, also one never seen; None: it does not."""
    peer = turn.peers[name]
    if peer.state is PeerState.SILENT:
        return peer.since
    if peer.state is not PeerState.UNSEEN:
        return None
    due = peer.since + turn.config.heartbeat_timeout
    if turn.now < due:
        turn.wake(due)
        return None
    return due


def current(turn: Turn, group: str) -> bool:
    """Tell whether nobody can have claimed *group* without this server."""
    return group in turn.current


def holds(turn: Turn, group: str) -> bool:
    """Tell whether this server serves *group*, or may be serving it."""
    return turn.groups[group].epoch != 0


def claims_at_arbiter(turn: Turn, group: str) -> bool:
    """Tell whether this server is claiming *group*, or has won it and may not serve it yet."""
    tenure = turn.tenures.get(group)
    return tenure is not None and tenure.wants in (Wants.CLAIM, Wants.CLEAR)


def lives(turn: Turn, record: Record) -> bool:
    """Tell whether the recorded owner is heard in the boot that owns."""
    if record.owner == turn.me:
        return record.boot == turn.incarnation.boot
    return record.owner in turn.up and turn.boot_of(record.owner) == record.boot


def stir(turn: Turn, groups: Iterable[str], server: str = "") -> None:
    """Let the turn look at the groups to which news of another server can matter.

    What rests on a third server needs nobody: with many groups that is nearly all of them.
    """
    restless = {turn.me, server, *maintenance.all_drained(turn)}
    for group in groups:
        record = turn.records[group]
        at_rest = record.owner not in restless and lives(turn, record)
        if not at_rest or group in turn.failback:
            turn.stir(group)
        else:
            for other in turn.config.concerns.get(group, ()):
                turn.stir(other)


def mine(turn: Turn, record: Record) -> bool:
    """Tell whether the record names this very boot."""
    return (record.owner, record.boot) == (turn.me, turn.incarnation.boot)


def idle(turn: Turn, group: str) -> bool:
    """Tell whether every resource of *group* is known to be down here, with nothing in flight."""
    return all(
        resource.presence is Presence.INACTIVE and resource.doing is None
        for resource in (turn.resources[group, r] for r in turn.config.group_by_name[group].by_name)
    )


def active(turn: Turn, group: str) -> bool:
    """Tell whether every resource of *group* is active here, but for those that may stay down."""
    parked = turn.groups[group].parked
    return all(
        name in parked
        or turn.resources[group, name].presence is Presence.ACTIVE
        or passed(resource, turn.resources[group, name])
        for name, resource in turn.config.group_by_name[group].by_name.items()
    )


def online(turn: Turn, group: str, owner: str) -> bool:
    """Tell whether *group* is online at its *owner*, as far as it is known here."""
    if owner == turn.me:
        local = turn.groups[group]
        return local.goal is Goal.UP and not local.bounce and active(turn, group)
    report = turn.peers[owner].groups.get(group)
    if report is None or not lives(turn, turn.records[group]):
        return False
    return report.state is Shown.ONLINE and report.epoch == turn.records[group].epoch


def passed(resource: Resource, local: LocalResource) -> bool:
    """Tell whether it failed for good under the final action "go on with the next one"."""
    goes_on = resource.activation_final_action is FinalAction.CONTINUE
    return goes_on and local.failure != "" and local.tries > resource.activation_retry


def obstacle_here(turn: Turn, group: str) -> Because | None:
    """Tell why this server cannot take *group* now; None: it can."""
    if turn.phase is not Phase.ONLINE or turn.ending is not None:
        return messages.because("rc540", server=turn.me)
    if turn.cut_off is not None and turn.config.np_action is not FinalAction.NONE:
        return messages.because("rc590", server=turn.me)
    if turn.me not in turn.config.homes[group]:
        return messages.because("rc541", server=turn.me, group=group)
    if refusal := maintenance.refusal(turn, turn.me):
        return refusal
    if obstacle := not_current(turn, group) or _never_beside(turn, group):
        return obstacle
    for name in turn.config.group_by_name[group].by_name:
        resource = turn.resources[group, name]
        if resource.stuck:
            return messages.because("rc543", server=turn.me, resource=name, reason=resource.failure)
        if resource.presence is Presence.UNKNOWN:
            return messages.because("rc544", server=turn.me, resource=name, reason=resource.failure)
        if not holds(turn, group) and resource.presence is not Presence.INACTIVE:
            return messages.because("rc545", server=turn.me, resource=name)
    return None


def _never_beside(turn: Turn, group: str) -> Because | None:
    """Tell which group runs here, or claims to, that an absolute rule never lets it join.

    This server knows that of itself, whatever a leader believes: it is what the rule rests on.
    """
    for rule, other in turn.config.apart_from.get(group, ()):
        claims = other in turn.claims and mine(turn, turn.records[other])
        claims = claims or claims_at_arbiter(turn, other)
        here = claims or turn.groups[other].goal is not Goal.NONE or not idle(turn, other)
        if here and rule.rule is Exclusion.ABSOLUTE:
            return messages.because("rc572", server=turn.me, other=other, rule=rule.name)
    return None


def not_current(turn: Turn, group: str) -> Because | None:
    """Tell whom this server waits for to be current; None: it is.

    A silent server may have newer ownership; with the others it is a matter of moments.
    """
    if current(turn, group):
        return None
    record = turn.records[group]
    missing = [
        name
        for name in record.cohort
        if turn.me not in record.cohort
        or (name != turn.me and turn.peers[name].told.get(group) != record.version)
    ]
    for name in missing:
        if name not in turn.up and name != turn.me:
            return messages.because("rc531", group=group, server=name)
    return messages.because("rc542", server=turn.me, missing=", ".join(missing))


def heard_by(turn: Turn, server: str) -> str:
    """Give a server that is heard here and says that it hears *server* now; "" without any."""
    for name in sorted(turn.up):
        beat = turn.peers[name].beat
        if beat and any(each.server == server and each.now for each in beat.hears):
            return name
    return ""


def left_out_alive(turn: Turn, record: Record) -> str:
    """Give a server that *record* counts as stopped although it is heard here in that very boot.

    One who hears it must not agree: silence there is no silence here.
    """
    for each in record.evidence:
        if each.server in record.cohort or each.server not in turn.up:
            continue
        heard = turn.peers[each.server]
        if turn.boot_of(each.server).counter <= each.boot and heard.phase is not Phase.OFFLINE:
            return each.server
    return ""
