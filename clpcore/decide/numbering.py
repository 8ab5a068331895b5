"""Which number this boot has, when the journal that counts boots was lost."""

from __future__ import annotations

from clpcore.decide import evidence, holding
from clpcore.decide.turn import Turn
from clpcore.model.actions import RaiseBoot
from clpcore.model.ownership import EvidenceKind, Record
from clpcore.model.peer import Beat
from clpcore.model.state import Goal
from clpcore.model.states import Phase

OVER = (EvidenceKind.CLEAN, EvidenceKind.NEW_BOOT, EvidenceKind.FENCED)  # such a life has ended


def notice(turn: Turn, sender: str, beat: Beat) -> None:
    """Learn that a peer knows this server with a higher number: it will not listen to this one."""
    for heard in beat.hears:
        if heard.server == turn.me and heard.boot > turn.incarnation.boot.counter:
            rise_above(turn, sender, heard.boot)


def settle(turn: Turn) -> None:
    """Ask again, while this server starts, whether its number is too low."""
    if turn.phase is Phase.STARTING and turn.incarnation.start == 1:
        for name, peer in turn.peers.items():
            if peer.up and peer.beat is not None:
                notice(turn, name, peer.beat)
        for group in turn.config.group_by_name:
            record = turn.records[group]
            if used := used_before(turn, record):
                rise_above(turn, record.version.proposer, used)


def used_before(turn: Turn, record: Record) -> int:
    """Give the highest number that a life of this server had that its journal has lost; 0: none.

    That life owned the group, or was over before another server took it.
    """
    now = turn.incarnation.boot
    used = [each.boot for each in record.evidence if each.server == turn.me and each.kind in OVER]
    if record.owner == turn.me and record.boot != now:
        used.append(record.boot.counter)
    return max((number for number in used if number >= now.counter), default=0)


def rise_above(turn: Turn, sender: str, number: int) -> None:
    """Start again with a higher number than *sender* knows, as soon as nothing runs here.

    A higher number proves to the others that everything before it has stopped.
    """
    if turn.phase is Phase.OFFLINE or not _stopped_everything(turn):
        return
    turn.say("nm91", server=sender, boot=number, mine=turn.incarnation.boot.counter)
    turn.do(RaiseBoot(number))
    if turn.config.arbiter is not None:  # what the lost journal has promised may still count (T5)
        turn.promised.put("", turn.now + turn.config.arbiter.lease)
        turn.promised_once = True
    turn.phase = Phase.OFFLINE  # this life joins nothing any more


def _stopped_everything(turn: Turn) -> bool:
    """Tell whether nothing runs here; what does, without a journal that says why, is stopped."""
    busy = [group for group in turn.config.group_by_name if not evidence.idle(turn, group)]
    for group in busy:
        if turn.groups[group].goal is Goal.NONE:
            holding.stop_without_right(turn, group)
    return not busy


def lost(turn: Turn, server: str, number: int) -> None:
    """Another life of *server* with the same number: the earlier one is over, its journal lost.

    Our heartbeats name a higher number from now on, and the server starts again above that.
    """
    turn.say("nm92", server=server, boot=number)
    turn.boots.put(server, number + 1)
    evidence.stir(turn, turn.records, server)
