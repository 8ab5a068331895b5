"""What servers tell each other of their records: becoming current, agreeing, refusing.

A record is persisted before it is acknowledged, because the runtime journals a decision before it
runs its actions.
"""

from __future__ import annotations

from clpcore import messages
from clpcore.decide import evidence, holding, rivals
from clpcore.decide.turn import Turn
from clpcore.model.ids import Boot
from clpcore.model.ownership import EvidenceKind, Record, Version
from clpcore.model.peer import (
    Accept,
    Agreed,
    Challenge,
    Records,
    Refusal,
    Refuse,
)
from clpcore.model.peer import Propose as Proposed
from clpcore.model.reasons import Because
from clpcore.model.state import Goal, LocalGroup, Peer
from clpcore.model.states import Event, Presence


def answer_challenge(turn: Turn, sender: str, letter: Challenge) -> None:
    """Say which records this server holds."""
    _tell(turn, sender, letter.groups or tuple(turn.records))


def _tell(turn: Turn, to: str, groups: tuple[str, ...]) -> None:
    boot = boot_of(turn.peers[to])
    records = tuple(turn.records[group] for group in groups if group in turn.records)
    turn.send(to, Records(boot, records))


def boot_of(peer: Peer) -> Boot:
    return peer.incarnation.boot if peer.incarnation else Boot(0)


def take_records(turn: Turn, sender: str, letter: Records) -> None:
    """Learn what another server holds: adopt what is newer, note what is equal."""
    if letter.to != turn.incarnation.boot:
        return
    for record in letter.records:
        if record.group in turn.records:
            _learn(turn, sender, record)


def _learn(turn: Turn, sender: str, theirs: Record) -> None:
    group, mine = theirs.group, turn.records[theirs.group]
    _note_told(turn, sender, group, theirs.version)
    if theirs.rank <= mine.rank:
        if evidence.holds(turn, group):
            rivals.compare_holders(turn, theirs)
        return
    if evidence.holds(turn, group):
        if theirs.owner != turn.me:
            rivals.compare_holders(turn, theirs)
        return
    if turn.me in theirs.cohort:
        _adopt(turn, sender, theirs)
    elif evidence.current(turn, group):
        turn.current.drop(group)
        turn.claims.drop(group)
        turn.say("rc520", group=group, server=sender, epoch=theirs.epoch)
    if theirs.owner not in ("", turn.me) and turn.groups[group].goal is Goal.NONE:
        _stop_without_right(turn, group)


def _stop_without_right(turn: Turn, group: str) -> None:
    """Another server owns the group by a newer record: what runs here must not."""
    for name in turn.config.group_by_name[group].by_name:
        if turn.resources[group, name].presence in (Presence.ACTIVE, Presence.BROKEN):
            turn.say("rc550", group=group, resource=name, server=turn.me)
            turn.groups.change(group, goal=Goal.DOWN, event=Event.STOP)
            return


def _note_told(turn: Turn, sender: str, group: str, version: Version) -> None:
    told = turn.peers[sender].told
    if told.get(group) != version:
        turn.peers.change(sender, told={**told, group: version})


def _adopt(turn: Turn, sender: str, record: Record) -> None:
    turn.records.put(record.group, record)
    turn.claims.drop(record.group)
    turn.cold.drop(record.group)
    _note_told(turn, sender, record.group, record.version)
    if (record.owner, record.boot) == (turn.me, turn.incarnation.boot):
        # The journal was lost, the machine was not: the others remember that this boot holds it.
        turn.say("rc553", group=record.group, epoch=record.epoch, server=sender)
        turn.groups.put(
            record.group, LocalGroup(goal=Goal.UP, event=Event.RECOVER, epoch=record.epoch)
        )
    for other in record.cohort:
        if other not in (turn.me, sender) and turn.peers[other].up:
            _tell(turn, other, (record.group,))


def take_proposals(turn: Turn, sender: str, letter: Proposed) -> None:
    """Persist and acknowledge each record, or refuse it with what is held instead."""
    agreed: list[Agreed] = []
    refusals: list[Refusal] = []
    for record in letter.records:
        if record.group not in turn.records:
            continue
        because = _refuse(turn, sender, record)
        if because is None:
            _accept(turn, sender, record)
            agreed.append(Agreed(record.group, record.version))
        else:
            refusals.append(Refusal(record.version, turn.records[record.group], because))
            _learn(turn, sender, record)
    to = boot_of(turn.peers[sender])
    if agreed:
        turn.send(sender, Accept(to, tuple(agreed)))
    if refusals:
        turn.send(sender, Refuse(to, tuple(refusals)))


def _refuse(turn: Turn, sender: str, record: Record) -> Because | None:
    group, mine = record.group, turn.records[record.group]
    if record == mine:
        return None
    if record.rank <= mine.rank:
        return messages.because("rc521", group=group, server=turn.me)
    if turn.me not in record.cohort:
        return messages.because("rc522", group=group, server=turn.me)
    same_holder = (record.owner, record.boot) == (mine.owner, mine.boot)
    if evidence.holds(turn, group) and not same_holder:
        return messages.because("rc523", group=group, server=turn.me)
    if not evidence.holds(turn, group) and not evidence.idle(turn, group):
        return messages.because("rc524", group=group, server=turn.me)
    if (
        mine.version.round == 0
        and not evidence.current(turn, group)
        and not _all_told(turn, sender, group)
    ):
        return messages.because("rc525", group=group, server=turn.me)
    return None


def _all_told(turn: Turn, sender: str, group: str) -> bool:
    return all(name == sender or group in peer.told for name, peer in turn.peers.items())


def _accept(turn: Turn, sender: str, record: Record) -> None:
    if turn.records[record.group] != record:
        turn.records.put(record.group, record)
        turn.claims.drop(record.group)
        turn.cold.drop(record.group)
    _note_told(turn, sender, record.group, record.version)


def take_accept(turn: Turn, sender: str, letter: Accept) -> None:
    """Note who has persisted a record of mine."""
    if letter.to != turn.incarnation.boot:
        return
    for agreed in letter.agreed:
        if agreed.group not in turn.records:
            continue
        _note_told(turn, sender, agreed.group, agreed.version)
        claim = turn.claims.get(agreed.group)
        if claim is not None and claim.version == agreed.version and sender in claim.need:
            need = tuple(name for name in claim.need if name != sender)
            turn.claims.change(agreed.group, need=need)


def take_refuse(turn: Turn, sender: str, letter: Refuse) -> None:
    """Learn from a refusal; a claim that only comes too early is sent again later."""
    if letter.to != turn.incarnation.boot:
        return
    for refusal in letter.refusals:
        group = refusal.record.group
        claim = turn.claims.get(group)
        if claim is None or claim.version != refusal.version:
            continue
        holding.note(turn, group, messages.because("rc526", server=sender, reason=refusal.because))
        _learn(turn, sender, refusal.record)


def _become_current(turn: Turn) -> None:
    """Current: every member of my cohort said that it holds the version that I hold."""
    for group, record in turn.records.items():
        if group in turn.current or turn.me not in record.cohort:
            continue
        if all(
            turn.peers[name].told.get(group) == record.version
            for name in record.cohort
            if name != turn.me
        ):
            turn.current.put(group, True)
        elif turn.alone and _word_of_operator(turn, record):
            turn.say("rc528", group=group, epoch=record.epoch)
            turn.current.put(group, True)


def _word_of_operator(turn: Turn, record: Record) -> bool:
    """Tell whether "start alone" covers everybody who has not answered."""
    return all(
        turn.peers[name].evidence is EvidenceKind.OPERATOR
        or turn.peers[name].told.get(record.group) == record.version
        for name in record.cohort
        if name != turn.me
    )


def _challenge(turn: Turn) -> None:
    """While not current, ask everybody, again and again."""
    missing = tuple(group for group in turn.records if group not in turn.current)
    if not missing:
        turn.challenged_at = None
        return
    due = None if turn.challenged_at is None else turn.challenged_at + turn.beat_ms
    if due is not None and turn.now < due:
        turn.wake(due)
        return
    turn.challenged_at = turn.now
    turn.wake(turn.now + turn.beat_ms)
    for name, peer in turn.peers.items():
        if peer.up:
            turn.send(name, Challenge(missing))


def settle(turn: Turn) -> None:
    """Become current where everybody has answered; ask the others again."""
    _become_current(turn)
    _challenge(turn)
