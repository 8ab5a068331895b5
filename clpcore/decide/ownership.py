"""Who may serve a group: the table of contents of the protocol.

``ownership.md`` section 4 (no arbiter). The activating server claims for itself; a nomination
carries no right.
"""

from __future__ import annotations

import attrs

from clpcore.decide import agreement, evidence, holding, rivals
from clpcore.decide.turn import Turn
from clpcore.model.ownership import Evidence, Record, Wanted
from clpcore.model.peer import (
    Challenge,
    Nominate,
    StopGroup,
)
from clpcore.model.state import Claim, Goal, LocalGroup
from clpcore.model.states import Event, Phase


def take_nomination(turn: Turn, letter: Nominate) -> None:
    """Claim the group that the leader nominated this server for, if that is still the question."""
    record = turn.records.get(letter.group)
    if record is not None and record.epoch == letter.epoch:
        holding.claim(turn, letter.group, letter.event, letter.previous)


def take_stop(turn: Turn, letter: StopGroup) -> None:
    """Obey the leader: deactivate and release, if this is still the epoch it means."""
    if letter.group in turn.groups and turn.groups[letter.group].epoch == letter.epoch:
        holding.bring_down(
            turn,
            letter.group,
            letter.event,
            heir=letter.heir,
            stay_stopped=letter.stay_stopped,
        )


def settle(turn: Turn) -> None:
    """Ask, become current, complete and repeat claims, admit newcomers, take inheritances."""
    if turn.phase not in (Phase.STARTING, Phase.ONLINE, Phase.LEAVING):
        return
    agreement.settle(turn)
    rivals.watch(turn)
    for group, waiting in turn.claims.items():
        _advance(turn, group, waiting)
    for group, record in turn.records.items():
        if group not in turn.claims:
            _inherit(turn, group, record)
            _admit(turn, record)
            _confirm(turn, group, record)


def _advance(turn: Turn, group: str, waiting: Claim) -> None:
    """Complete a claim whose every member agreed or is proven stopped; else send it again."""
    record = turn.records[group]
    need = tuple(name for name in waiting.need if evidence.proof(turn, name) is None)
    if not need:
        turn.claims.drop(group)
        _won(turn, group, record)
        return
    due = waiting.sent_at + turn.beat_ms
    if turn.now < due:
        turn.claims.change(group, need=need)
        turn.wake(due)
        return
    turn.claims.put(group, attrs.evolve(waiting, need=need, sent_at=turn.now))
    turn.wake(turn.now + turn.beat_ms)
    for name in need:
        turn.propose(name, record)


def _won(turn: Turn, group: str, record: Record) -> None:
    if (record.owner, record.boot) != (turn.me, turn.incarnation.boot):
        return
    local = turn.groups[group]
    if local.epoch == 0:
        event = Event(record.event) if record.event else Event.START
        turn.say(
            "rc529",
            group=group,
            server=turn.me,
            epoch=record.epoch,
            evidence=_spell(record.evidence),
        )
        turn.say("rc10", group=group, server=turn.me)
        local = LocalGroup(goal=Goal.UP, event=event, epoch=record.epoch)
    turn.groups.put(group, attrs.evolve(local, confirmed=True))


def _spell(evidence: tuple[Evidence, ...]) -> str:
    if not evidence:
        return "every server of the cohort agreed"
    return ", ".join(f"{each.server} boot {each.boot}: {each.kind.value}" for each in evidence)


def _inherit(turn: Turn, group: str, record: Record) -> None:
    """The owner released it to me: claim at once, no leader needed."""
    if record.heir == turn.me and not record.owner and record.wanted is Wanted.AUTO:
        holding.claim(turn, group, Event(record.event or Event.MOVE.value), record.previous)


def _admit(turn: Turn, record: Record) -> None:
    """Take a newcomer into the cohort; the old members persist the larger cohort first."""
    if not evidence.current(turn, record.group) or _admitter(turn, record) != turn.me:
        return
    outside = turn.up - frozenset(record.cohort)
    if not outside or any(
        evidence.proof(turn, n) is None and not _heard(turn, n) for n in record.cohort
    ):
        return
    known = sorted(name for name in outside if record.group in turn.peers[name].told)
    if not known:
        for name in sorted(outside):
            turn.send(name, Challenge((record.group,)))
        return
    larger = attrs.evolve(
        record,
        version=turn.next_version(record),
        cohort=tuple(sorted((*record.cohort, known[0]))),
    )
    need = tuple(n for n in larger.cohort if n != turn.me and evidence.proof(turn, n) is None)
    turn.say("rc532", group=record.group, server=known[0], version=larger.version.round)
    holding.put_forward(turn, larger, need)


def _heard(turn: Turn, server: str) -> bool:
    return server == turn.me or turn.peers[server].up


def _admitter(turn: Turn, record: Record) -> str:
    """Give who admits: a live owner, else the leader."""
    if record.owner == turn.me and record.boot == turn.incarnation.boot:
        return turn.me
    owner = turn.peers.get(record.owner)
    if owner is not None and owner.up and agreement.boot_of(owner) == record.boot:
        return record.owner
    return turn.leader()


def _confirm(turn: Turn, group: str, record: Record) -> None:
    """After a restart of the agent: let the others acknowledge the hold anew before doing more."""
    mine = (record.owner, record.boot) == (turn.me, turn.incarnation.boot)
    local = turn.groups[group]
    if not mine or local.confirmed or not evidence.current(turn, group):
        return
    if local.epoch == 0:
        if evidence.idle(turn, group):
            holding.release(turn, group)
        return
    again = attrs.evolve(record, version=turn.next_version(record))
    holding.put_forward(turn, again, tuple(n for n in record.cohort if n != turn.me))
