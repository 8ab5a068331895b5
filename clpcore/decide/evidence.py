"""What is proven about others, and what this server may do with a group."""

from __future__ import annotations

from clpcore import messages
from clpcore.decide.turn import Turn
from clpcore.model.ids import Boot
from clpcore.model.ownership import EvidenceKind
from clpcore.model.reasons import Because
from clpcore.model.states import Phase, Presence


def proof(turn: Turn, server: str) -> EvidenceKind | None:
    """Tell why *server* need not be asked: what it ran is over, whichever boot that was."""
    if server == turn.me:
        return None
    peer = turn.peers[server]
    return None if peer.up else peer.evidence


def proof_about(turn: Turn, server: str, boot: Boot) -> EvidenceKind | None:
    """Tell why the life *boot* of *server* runs nothing any more; None: it may be serving."""
    if server == turn.me:
        return EvidenceKind.NEW_BOOT if boot < turn.incarnation.boot else None
    if turn.boots.get(server) is not None and boot.counter < turn.boots[server]:
        return EvidenceKind.NEW_BOOT
    return proof(turn, server)


def current(turn: Turn, group: str) -> bool:
    """Tell whether nobody can have claimed *group* without this server."""
    return group in turn.current


def holds(turn: Turn, group: str) -> bool:
    """Tell whether this server serves *group*, or may be serving it."""
    return turn.groups[group].epoch != 0


def idle(turn: Turn, group: str) -> bool:
    """Tell whether every resource of *group* is known to be down here, with nothing in flight."""
    return all(
        resource.presence is Presence.INACTIVE and resource.doing is None
        for resource in (turn.resources[group, r] for r in turn.config.group_by_name[group].by_name)
    )


def obstacle_here(turn: Turn, group: str) -> Because | None:
    """Tell why this server cannot take *group* now; None: it can."""
    if turn.phase is not Phase.ONLINE or turn.ending is not None:
        return messages.because("rc540", server=turn.me)
    if turn.me not in turn.config.homes[group]:
        return messages.because("rc541", server=turn.me, group=group)
    if not current(turn, group):
        return why_not_current(turn, group)
    for name in turn.config.group_by_name[group].by_name:
        resource = turn.resources[group, name]
        if resource.stuck:
            return messages.because("rc543", server=turn.me, resource=name, reason=resource.failure)
        if resource.presence is Presence.UNKNOWN:
            return messages.because("rc544", server=turn.me, resource=name, reason=resource.failure)
        if not holds(turn, group) and resource.presence is not Presence.INACTIVE:
            return messages.because("rc545", server=turn.me, resource=name)
    return None


def why_not_current(turn: Turn, group: str) -> Because:
    """Name the silent server that may have newer ownership; otherwise it is a matter of moments."""
    record = turn.records[group]
    for name in record.cohort if turn.me in record.cohort else ():
        if name == turn.me or turn.peers[name].up:
            continue
        if turn.peers[name].told.get(group) != record.version:
            return messages.because("rc531", group=group, server=name)
    return messages.because("rc542", server=turn.me, group=group)
