"""Who may serve a group: the table of contents of the protocol.

``ownership.md`` section 4; with an arbiter section 3 (``tenure``, ``session``). The activating
server claims for itself; a nomination carries no right.
"""

from __future__ import annotations

import attrs

from clpcore.decide import agreement, evidence, fencing, holding, session, tenure
from clpcore.decide.turn import Turn
from clpcore.model.ownership import Record, Version, Wanted
from clpcore.model.peer import (
    Challenge,
    Nominate,
    StopGroup,
)
from clpcore.model.state import Claim, Goal, PeerState
from clpcore.model.states import Event, Phase


def take_nomination(turn: Turn, letter: Nominate) -> None:
    """Claim the group that the leader nominated this server for, if that is still the question."""
    record = turn.records.get(letter.group)
    if record is None or record.epoch != letter.epoch:
        return
    if holding.is_overtaken(record, (letter.epoch, letter.version.round, letter.version.proposer)):
        return  # it comes late: an operator has stopped the group since
    holding.resume(turn, letter.group)
    obstacle = holding.claim(turn, letter.group, letter.event, letter.previous)
    if obstacle is not None:
        holding.note(turn, letter.group, obstacle)


def take_stop(turn: Turn, letter: StopGroup) -> None:
    """Obey the leader: deactivate and release, if this is still the epoch it means."""
    record = turn.records.get(letter.group)
    if record is None or record.epoch != letter.epoch or not evidence.mine(turn, record):
        return
    stop(turn, letter.group, letter.event, heir=letter.heir, stay_stopped=letter.stay_stopped)


def stop(turn: Turn, group: str, event: Event, *, heir: str, stay_stopped: bool) -> None:
    """Stop *group* here, or take back the claim that would start it."""
    if evidence.holds(turn, group):
        holding.bring_down(turn, group, event, heir=heir, stay_stopped=stay_stopped)
    elif holding.claiming(turn, group):
        holding.give_up_claim(turn, group, heir=heir, stay_stopped=stay_stopped)


def settle(turn: Turn, group: str) -> None:
    """Become current, complete and repeat a claim, take an inheritance, reshape the cohort."""
    if turn.phase not in (Phase.STARTING, Phase.ONLINE, Phase.LEAVING):
        return
    if turn.config.arbiter is not None:
        _settle_by_arbiter(turn, group)
        return
    if turn.records[group].version.round == 0 and evidence.holds(turn, group):
        _write_anew(turn, group)
    agreement.become_current(turn, group)
    waiting = turn.claims.get(group)
    if waiting is not None:
        _advance(turn, group, waiting)
    if group not in turn.claims:
        _give_back(turn, turn.records[group])
        _obey(turn, turn.records[group])
        if turn.phase is Phase.ONLINE and turn.ending is None:
            _inherit(turn, turn.records[group])
            _reshape(turn, turn.records[group])


def _settle_by_arbiter(turn: Turn, group: str) -> None:
    """Follow the arbiter's record, and tell the others what it says."""
    if turn.records[group].version.round == 0 and evidence.holds(turn, group):
        _write_anew(turn, group)
    tenure.settle(turn, group)
    agreement.become_current(turn, group)
    _tell(turn, group)
    if group not in turn.tenures:
        _obey(turn, turn.records[group])
        if turn.phase is Phase.ONLINE and turn.ending is None:
            _inherit(turn, turn.records[group])


def _tell(turn: Turn, group: str) -> None:
    """Repeat what others have not confirmed; who is not heard learns it when it is."""
    waiting = turn.claims.get(group)
    if waiting is None:
        return
    need = tuple(name for name in waiting.need if name in turn.up)
    if not need:
        turn.claims.drop(group)
        return
    _repeat(turn, turn.records[group], turn.claims.change(group, need=need))


# -- claims


def _advance(turn: Turn, group: str, waiting: Claim) -> None:
    """Complete a claim whose every member agreed or is proven stopped; else send it again."""
    record = turn.records[group]
    proven = holding.proven_in(turn, waiting.need)
    if evidence.mine(turn, record) and not evidence.holds(turn, group):
        if back := evidence.left_out_alive(turn, record):
            _ask_again(turn, record, back)
            return
        if proven:
            _go_on_without(turn, record, proven)
            return
    need = tuple(name for name in waiting.need if name not in proven)
    if not need:
        turn.claims.drop(group)
        _won(turn, group, record)
        return
    waiting = turn.claims.change(group, need=need)
    heard = turn.up.intersection(need)
    if evidence.mine(turn, record) and not evidence.holds(turn, group):
        _note_silence(turn, group, need)
    if heard:
        _repeat(turn, record, waiting)


def _ask_again(turn: Turn, record: Record, back: str) -> None:
    """Take into a claim who was left out of it as stopped, and is heard in that very boot."""
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        cohort=tuple(sorted((*record.cohort, back))),
        evidence=tuple(each for each in record.evidence if each.server != back),
    )
    holding.put_forward(turn, new, holding.others(turn, new))


def _go_on_without(turn: Turn, record: Record, proven: tuple[str, ...]) -> None:
    """Leave out of a claim who stopped before it agreed; the others agree to that as well."""
    found = (each for name in proven for each in holding.about(turn, name))
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        cohort=tuple(name for name in record.cohort if name not in proven),
        evidence=(*record.evidence, *found),
    )
    holding.put_forward(turn, new, holding.others(turn, new))


def _note_silence(turn: Turn, group: str, need: tuple[str, ...]) -> None:
    """Name a server whose word is missing and may never come; at first, it is about to be heard."""
    for name in holding.unheard(turn, need):
        peer = turn.peers[name]
        soon = peer.since + turn.config.heartbeat_timeout
        if peer.state is PeerState.UNSEEN and turn.now < soon:
            turn.wake(soon, group)
        else:
            holding.note(turn, group, fencing.blocked(turn, group, name, "rc531"))


def _repeat(turn: Turn, record: Record, waiting: Claim) -> None:
    """Propose again now and then, and at once to a server that is newly heard."""
    due = waiting.sent_at + turn.beat_ms
    if turn.now >= due:
        turn.claims.change(record.group, sent_at=turn.now)
        due = turn.now + turn.beat_ms
        for name in waiting.need:
            turn.propose(name, record)
    for name in waiting.need:
        if name in turn.up and not turn.was.peers[name].up:
            turn.propose(name, record)
    turn.wake(due, record.group)


def _won(turn: Turn, group: str, record: Record) -> None:
    local = turn.groups[group]
    if evidence.mine(turn, record) and evidence.current(turn, group) and not local.confirmed:
        holding.begin(turn, record)


def _give_back(turn: Turn, record: Record) -> None:
    """A record of mine that nothing came of: a claim that was outrun, or lost its right."""
    abandoned = evidence.mine(turn, record) and not evidence.holds(turn, record.group)
    if abandoned and evidence.current(turn, record.group) and evidence.idle(turn, record.group):
        holding.release(turn, record.group)


def _obey(turn: Turn, record: Record) -> None:
    """While this server was away, the others were told that the group shall be stopped."""
    if record.wanted is Wanted.STOPPED and turn.groups[record.group].goal is Goal.UP:
        holding.bring_down(turn, record.group, Event.STOP, stay_stopped=True)


def _inherit(turn: Turn, record: Record) -> None:
    """The owner released it to me: claim at once, no leader needed."""
    if session.obstacle(turn, fresh=record.epoch == 0) is not None:
        return  # it is asked again when the arbiter has answered
    if record.heir == turn.me and not record.owner and record.wanted is Wanted.AUTO:
        holding.claim(turn, record.group, record.why(Event.MOVE), record.previous)


def _write_anew(turn: Turn, group: str) -> None:
    """Restore what the journal has lost from what /run remembers: this boot serves the group.

    The cohort is everybody again; who is not needed is left out by proof.
    """
    rounds = [each.version.round for each in turn.was.run.current if each.group == group]
    record = attrs.evolve(
        turn.records[group],
        version=Version(max(rounds, default=0) + 1, turn.me),
        epoch=turn.groups[group].epoch,
        owner=turn.me,
        boot=turn.incarnation.boot,
        wanted=Wanted.AUTO,
        event=Event.RECOVER.value,
        arbitrated=turn.config.arbiter is not None,
    )
    turn.say("rc554", group=group, epoch=record.epoch, server=turn.me)
    turn.current.put(group, True)
    holding.put_forward(turn, record, holding.others(turn, record))


# -- the cohort


def _reshape(turn: Turn, record: Record) -> None:
    """Keep the cohort what it should be: who is proven stopped goes, who is heard comes in.

    The old members persist it before the newcomer can become current by it (ownership.md 4.3).
    """
    local = turn.groups[record.group]
    if local.lost or local.blocked or not evidence.current(turn, record.group):
        return
    _meet_another_line(turn, record)
    if _in_charge(turn, record) != turn.me:
        return
    gone = holding.proven_in(turn, record.cohort)
    if len(gone) < len(holding.unheard(turn, record.cohort)):
        return  # a silent member that is not proven stopped would never agree
    newcomer = _newcomer(turn, record)
    wanted = turn.cold.get(record.group) or record.wanted
    kept = evidence.mine(turn, record) or wanted is not Wanted.AUTO
    if not newcomer and not (gone and kept):
        return  # who is to take a group without an owner leaves out the stopped ones by its claim
    stay = tuple(name for name in record.cohort if name not in gone)
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        cohort=tuple(sorted((*stay, *newcomer))),
        evidence=holding.rests_on(turn, record, (*stay, *newcomer)),
    )
    for name in newcomer:
        turn.gather("rc532", name, record.group)
    for name in gone:
        turn.gather("rc533", name, record.group)
    holding.put_forward(turn, new, holding.others(turn, new))


def _meet_another_line(turn: Turn, record: Record) -> None:
    """Ask who is left out here and claims to be current all the same: one of us stands aside.

    Two lines of records exist only after a takeover without proof.
    """
    for name in _outside(turn, record):
        if _is_current(turn, name, record.group):
            turn.send(name, Challenge((record.group,)))
            turn.wake(turn.now + turn.beat_ms, record.group)


def _outside(turn: Turn, record: Record) -> tuple[str, ...]:
    """Give the other members that the cohort leaves out."""
    return tuple(sorted({*turn.members()}.difference(record.cohort, (turn.me,))))


def _newcomer(turn: Turn, record: Record) -> tuple[str, ...]:
    """Give one member to be admitted: outside of the cohort, and its record is known."""
    outside = _outside(turn, record)
    known = [name for name in outside if record.group in turn.peers[name].told]
    if outside and not known:
        turn.wake(turn.now + turn.beat_ms, record.group)
        for name in outside:
            turn.send(name, Challenge((record.group,)))
    return tuple(known[:1])


def _in_charge(turn: Turn, record: Record) -> str:
    """Give who reshapes the cohort: a live owner, else the longest-in member that is current.

    An owner that was left out as stopped, and lives, cannot take itself in again.
    """
    if record.owner in record.cohort and evidence.lives(turn, record):
        return record.owner
    current = (name for name in turn.by_seniority() if _is_current(turn, name, record.group))
    return next(current, "")


def _is_current(turn: Turn, server: str, group: str) -> bool:
    if server == turn.me:
        return evidence.current(turn, group)
    report = turn.peers[server].groups.get(group)
    return report is not None and report.current
