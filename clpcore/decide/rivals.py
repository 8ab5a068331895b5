"""Two servers hold the same group: the lower epoch gives way (R43)."""

from __future__ import annotations

from clpcore.decide import evidence, holding
from clpcore.decide.turn import Turn
from clpcore.model.ids import Boot
from clpcore.model.ownership import Record
from clpcore.model.peer import (
    Challenge,
)
from clpcore.model.state import Goal
from clpcore.model.states import Event


def compare_holders(turn: Turn, theirs: Record) -> None:
    """Another server holds what this one holds: the lower epoch gives way (R43)."""
    group, mine = theirs.group, turn.records[theirs.group]
    if theirs.epoch > mine.epoch:
        _give_way(turn, group, theirs.owner or theirs.version.proposer, theirs.epoch)
        return
    rival = theirs.owner not in ("", turn.me) and _alive(turn, theirs.owner, theirs.boot)
    if rival and theirs.epoch == mine.epoch and turn.groups[group].goal is not Goal.DOWN:
        _compare_evidence(turn, mine, theirs)


def _alive(turn: Turn, server: str, boot: Boot) -> bool:
    return evidence.proof_about(turn, server, boot) is None


def _give_way(turn: Turn, group: str, to: str, epoch: int) -> None:
    local = turn.groups[group]
    if not local.lost:
        turn.say("rc92", group=group, server=to, epoch=epoch, mine=local.epoch)
        holding.bring_down(turn, group, Event.STOP)
        turn.groups.change(group, lost=True)


def _compare_evidence(turn: Turn, mine: Record, theirs: Record) -> None:
    """With equal epochs the claim that rests on proof stays; otherwise both stop."""
    if _proven(mine) and not _proven(theirs):
        return
    if _proven(theirs) and not _proven(mine):
        _give_way(turn, mine.group, theirs.owner, theirs.epoch)
        return
    turn.say("rc527", group=mine.group, server=theirs.owner, epoch=mine.epoch)
    holding.bring_down(turn, mine.group, Event.STOP)
    turn.groups.change(mine.group, blocked=True)


def _proven(record: Record) -> bool:
    return all(each.kind.proven for each in record.evidence)


def watch(turn: Turn) -> None:
    """A heartbeat that names an epoch of mine or a higher one starts the question."""
    for name, peer in turn.peers.items():
        if not peer.up:
            continue
        for group, epoch in peer.held.items():
            if group not in turn.groups or not evidence.holds(turn, group):
                continue
            mine = turn.groups[group].epoch
            if epoch > mine:
                _give_way(turn, group, name, epoch)
            elif epoch == mine and turn.groups[group].goal is not Goal.DOWN:
                turn.send(name, Challenge((group,)))
