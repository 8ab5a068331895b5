"""What servers tell each other of their records: becoming current, agreeing, refusing.

A record is persisted before it is acknowledged, because the runtime journals a decision before it
runs its actions.
"""

from __future__ import annotations

from collections.abc import Mapping

from clpcore import messages
from clpcore.decide import evidence, holding, numbering, rivals
from clpcore.decide.turn import Turn
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
from clpcore.model.state import Goal, LocalGroup, PeerState
from clpcore.model.states import Event

# -- which records there are


def answer_challenge(turn: Turn, sender: str, letter: Challenge) -> None:
    """Say which records this server holds; who asks can be asked, perhaps for the first time."""
    groups = tuple(g for g in letter.groups or tuple(turn.records) if g in turn.records)
    tell(turn, sender, tuple(turn.records[group] for group in groups))
    told = turn.peers[sender].told
    unknown = tuple(g for g in groups if g not in turn.current and g not in told)
    if unknown:
        turn.send(sender, Challenge(unknown))


def tell(turn: Turn, to: str, records: tuple[Record, ...]) -> None:
    """Say that this server holds *records*."""
    if records:
        turn.send(to, Records(turn.boot_of(to), records))


def take_records(turn: Turn, sender: str, letter: Records) -> None:
    """Learn what another server holds: adopt what is newer, note what is equal.

    Whoever holds something older is told: nobody else may do it when the proposer is gone.
    """
    if letter.to != turn.incarnation.boot:
        return
    known = tuple(record for record in letter.records if record.group in turn.records)
    _note_told(turn, sender, {record.group: record.version for record in known})
    older = []
    for theirs in known:
        _learn(turn, sender, theirs)
        if theirs.rank < turn.records[theirs.group].rank:
            older.append(turn.records[theirs.group])
    tell(turn, sender, tuple(older))


def _note_told(turn: Turn, sender: str, versions: Mapping[str, Version]) -> None:
    """Note which versions *sender* has said that it holds."""
    told = turn.peers[sender].told
    news = {group: version for group, version in versions.items() if told.get(group) != version}
    if news:
        turn.peers.change(sender, told={**told, **news})
        for group in news:
            turn.stir(group)


def _learn(turn: Turn, sender: str, theirs: Record) -> None:
    group, mine = theirs.group, turn.records[theirs.group]
    if used := numbering.used_before(turn, theirs):
        numbering.rise_above(turn, sender, used)
    if evidence.holds(turn, group):
        rivals.compare_holders(turn, theirs)
        return
    if theirs.rank <= mine.rank:
        return
    if turn.me in theirs.cohort:
        _adopt(turn, sender, theirs)
    else:
        _stand_aside(turn, sender, theirs)
    if theirs.owner not in ("", turn.me) and turn.groups[group].goal is Goal.NONE:
        holding.stop_without_right(turn, group)


def _stand_aside(turn: Turn, sender: str, record: Record) -> None:
    """A newer record leaves this server out: remember it, and wait to be admitted."""
    if evidence.current(turn, record.group):
        turn.current.drop(record.group)
        turn.gather("rc520", sender, record.group)
    _replace(turn, record)


def _adopt(turn: Turn, sender: str, record: Record) -> None:
    _replace(turn, record)
    if evidence.mine(turn, record) and turn.config.arbiter is None:
        # The journal was lost, the machine was not: the others remember that this boot holds it.
        # An arbiter may know of a claim whose answer was lost: that one is given back.
        turn.say("rc553", group=record.group, epoch=record.epoch, server=sender)
        turn.groups.put(
            record.group, LocalGroup(goal=Goal.UP, event=Event.RECOVER, epoch=record.epoch)
        )
        holding.put_forward(turn, record, holding.others(turn, record))
    for other in record.cohort:
        if other not in (turn.me, sender) and turn.peers[other].up:
            tell(turn, other, (record,))


def _replace(turn: Turn, record: Record) -> None:
    """Hold another server's record instead of the older one here."""
    for name in sorted(set(record.cohort) - set(turn.records[record.group].cohort) - {turn.me}):
        peer = turn.peers[name]
        if peer.state is PeerState.LEFT and peer.evidence is EvidenceKind.CLEAN:
            # Whoever is admitted was heard by the admitter after it had left (ownership.md 4.4).
            turn.peers.change(name, evidence=None)
            evidence.stir(turn, turn.records, name)
    turn.records.put(record.group, record)
    turn.claims.drop(record.group)
    turn.groups.change(record.group, lost=False)


def _forget_cold(turn: Turn, record: Record) -> None:
    """A proposal to this boot is a decision of the cluster as it runs now."""
    if record.event != Event.CLUSTER_STOP.value:
        turn.cold.drop(record.group)


# -- proposals


def take_proposals(turn: Turn, sender: str, letter: Proposed) -> None:
    """Persist and acknowledge each record, or refuse it with what is held instead."""
    if letter.to != turn.incarnation.boot:
        return
    agreed: list[Agreed] = []
    refusals: list[Refusal] = []
    known = tuple(record for record in letter.records if record.group in turn.records)
    _note_told(turn, sender, {record.group: record.version for record in known})
    for record in known:
        because = _refuse(turn, sender, record)
        if because is None:
            if turn.records[record.group] != record:
                _replace(turn, record)
                _forget_cold(turn, record)
            agreed.append(Agreed(record.group, record.version))
        else:
            refusals.append(Refusal(record.version, turn.records[record.group], because))
            if because.key != "rc569":  # what this server must not agree to it must not adopt
                _learn(turn, sender, record)
    to = turn.boot_of(sender)
    if agreed:
        turn.send(sender, Accept(to, tuple(agreed)))
    if refusals:
        turn.send(sender, Refuse(to, tuple(refusals)))


def _refuse(turn: Turn, sender: str, record: Record) -> Because | None:
    group, mine = record.group, turn.records[record.group]
    if record != mine and record.rank <= mine.rank:
        return messages.because("rc521", group=group, server=turn.me)
    if turn.me not in record.cohort:
        return messages.because("rc522", group=group, server=turn.me)
    same_holder = (record.owner, record.boot) == (mine.owner, mine.boot)
    if evidence.holds(turn, group) and not same_holder:
        return messages.because("rc523", group=group, server=turn.me)
    if not evidence.holds(turn, group) and not evidence.idle(turn, group):
        return messages.because("rc524", group=group, server=turn.me)
    alive = evidence.left_out_alive(turn, record) if record.epoch > mine.epoch else ""
    if alive:
        return messages.because("rc569", group=group, server=turn.me, alive=alive)
    if (
        mine.version.round == 0
        and turn.config.arbiter is None
        and not evidence.current(turn, group)
        and not _all_told(turn, sender, group)
    ):
        return messages.because("rc525", group=group, server=turn.me)
    return None


def _all_told(turn: Turn, sender: str, group: str) -> bool:
    return all(name == sender or group in peer.told for name, peer in turn.peers.items())


def take_accept(turn: Turn, sender: str, letter: Accept) -> None:
    """Note who has persisted a record of mine."""
    if letter.to != turn.incarnation.boot:
        return
    known = tuple(agreed for agreed in letter.agreed if agreed.group in turn.records)
    _note_told(turn, sender, {agreed.group: agreed.version for agreed in known})
    for agreed in known:
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
        if holding.claiming(turn, group) and not evidence.holds(turn, group):
            _note_refusal(turn, group, sender, refusal.because)
        _note_told(turn, sender, {group: refusal.record.version})
        _learn(turn, sender, refusal.record)


def _note_refusal(turn: Turn, group: str, sender: str, because: Because) -> None:
    """Show why a claim must wait; of several refusals the first will do."""
    note = turn.groups[group].note
    if note is None or note.key != "rc526":
        holding.note(turn, group, messages.because("rc526", server=sender, reason=because))


# -- becoming current


def become_current(turn: Turn, group: str) -> None:
    """Current: every member of my cohort said that it holds the version that I hold."""
    record = turn.records[group]
    if group in turn.current:
        return
    rest = holding.others(turn, record)
    if turn.config.arbiter is not None:  # it tells who owns; the others, what operators want
        rest = tuple(name for name in rest if name in turn.up)
    elif turn.groups[group].lost and _nobody_knows_more(turn, record):
        turn.groups.change(group, lost=False)
    counts = turn.me in record.cohort and not turn.groups[group].lost
    if counts and all(turn.peers[name].told.get(group) == record.version for name in rest):
        turn.current.put(group, True)
    elif turn.alone and _word_of_operator(turn, record, rest):
        turn.say("rc528", group=group, epoch=record.epoch)
        turn.current.put(group, True)


def _nobody_knows_more(turn: Turn, record: Record) -> bool:
    """Tell whether the newer record that this server gave way to is lost: all hold this one."""
    told = (peer.told.get(record.group) for _, peer in turn.peers.items() if peer.up)
    return [*told] == [record.version] * len(turn.peers)


def _word_of_operator(turn: Turn, record: Record, rest: tuple[str, ...]) -> bool:
    """Tell whether "start alone" covers everybody who has not answered."""
    return all(
        evidence.proof(turn, name) is EvidenceKind.OPERATOR
        or turn.peers[name].told.get(record.group) == record.version
        for name in rest
    )


def challenge(turn: Turn) -> None:
    """While not current, ask everybody who is there, again and again; newly heard ones at once."""
    missing = tuple(group for group in turn.records if group not in turn.current)
    if not missing and _somebody_has_not_told(turn):
        missing = tuple(turn.records)  # its journal may be ahead, or behind: nobody else may know
    if not missing:
        turn.challenged_at = None
        return
    due = turn.now if turn.challenged_at is None else turn.challenged_at + turn.beat_ms
    if turn.now >= due:
        turn.challenged_at, due = turn.now, turn.now + turn.beat_ms
        asked = [name for name, peer in turn.peers.items() if peer.there]
    else:
        asked = sorted(name for name in turn.up if not turn.was.peers[name].up)
    turn.wake(due)
    for name in asked:
        if name not in turn.challenged:
            turn.challenged.add(name)
            turn.send(name, Challenge(missing))


def _somebody_has_not_told(turn: Turn) -> bool:
    """Tell whether a server that is heard has not said which records it holds.

    Without an arbiter it has a moment for that: who is not current asks by itself.
    """
    silent = [name for name in turn.up if len(turn.peers[name].told) < len(turn.records)]
    if not silent or turn.config.arbiter is not None:
        return bool(silent)
    due = min(turn.peers[name].since for name in silent) + turn.beat_ms
    if turn.now < due:
        turn.wake(due)
    return turn.now >= due
