"""Two servers hold the same group: the lower epoch gives way (R43)."""

from __future__ import annotations

import attrs

from clpcore.decide import evidence, holding, troubles
from clpcore.decide.turn import Turn
from clpcore.model.ownership import Record, Version, Wanted
from clpcore.model.peer import Beat, Challenge, Held
from clpcore.model.state import Goal
from clpcore.model.states import Event


def watch(turn: Turn, sender: str, beat: Beat) -> None:
    """A heartbeat that names an epoch of mine or a higher one starts the question."""
    if sender not in turn.up:
        return
    for each in beat.held:
        if each.group not in turn.groups or not evidence.holds(turn, each.group):
            continue
        mine = turn.groups[each.group].epoch
        if each.epoch > mine:
            _give_way(turn, each.group, sender, each.epoch)
        elif each.epoch == mine and turn.groups[each.group].goal is not Goal.DOWN:
            turn.send(sender, Challenge((each.group,)))


def compare_holders(turn: Turn, theirs: Record) -> None:
    """Another server holds what this one holds: the lower epoch gives way (R43)."""
    group, mine = theirs.group, turn.records[theirs.group]
    epoch = turn.groups[group].epoch
    if theirs.epoch > epoch:
        _give_way(turn, group, theirs.owner or theirs.version.proposer, theirs.epoch)
    elif theirs.epoch == epoch and turn.groups[group].goal is not Goal.DOWN:
        if theirs.owner not in ("", turn.me) and _serves(turn, theirs):
            _compare_evidence(turn, mine, theirs)
        elif not theirs.owner and theirs.wanted is Wanted.BLOCKED:
            _both_stop(turn, group, theirs.previous)  # it saw the same, and was faster
        elif theirs.rank > mine.rank:
            _outbid(turn, mine, theirs)


def _outbid(turn: Turn, mine: Record, theirs: Record) -> None:
    """Nobody serves by the other line: let the next record of this one be the newest of both."""
    version = Version(theirs.version.round + 1, turn.me)
    holding.put_forward(turn, attrs.evolve(mine, version=version), holding.others(turn, mine))


def _serves(turn: Turn, record: Record) -> bool:
    """Tell whether the record's owner says that it serves; a claim alone is no holder."""
    peer = turn.peers[record.owner]
    if evidence.proof_about(turn, record.owner, record.boot) is not None or peer.beat is None:
        return False
    report = peer.groups.get(record.group)
    said = Held(record.group, record.epoch)
    return said in peer.beat.held or (report is not None and report.epoch == record.epoch)


def _give_way(turn: Turn, group: str, to: str, epoch: int) -> None:
    local = turn.groups[group]
    if not local.lost:
        because = turn.say(
            "rc92", group=group, server=to, epoch=epoch, me=turn.me, mine=local.epoch
        )
        troubles.begin(turn, group, because)
        holding.lose(turn, group)
        turn.groups.change(group, lost=True)
        _forget_what_it_told(turn, group, to)


def _forget_what_it_told(turn: Turn, group: str, server: str) -> None:
    """It has said which record it holds before it had this one: let it be asked again."""
    told = turn.peers[server].told
    if group in told:
        turn.peers.change(server, told={name: told[name] for name in told if name != group})


def _compare_evidence(turn: Turn, mine: Record, theirs: Record) -> None:
    """With equal epochs the claim that rests on proof stays; otherwise both stop."""
    if _proven(mine) and not _proven(theirs):
        return
    if _proven(theirs) and not _proven(mine):
        _give_way(turn, mine.group, theirs.owner, theirs.epoch)
    else:
        _both_stop(turn, mine.group, theirs.owner)


def _proven(record: Record) -> bool:
    return all(each.kind.proven for each in record.evidence)


def _both_stop(turn: Turn, group: str, other: str) -> None:
    because = turn.say("rc527", group=group, server=other, epoch=turn.groups[group].epoch)
    holding.bring_down(turn, group, Event.STOP)
    turn.groups.change(group, blocked=True, note=because)
