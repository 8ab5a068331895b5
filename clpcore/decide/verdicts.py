"""What follows from an arbiter's answer about a group (``tenure`` asks; ownership.md 3.1)."""

from __future__ import annotations

import re
from typing import Final

import attrs

from clpcore import messages
from clpcore.decide import agreement, evidence, holding, numbering, session
from clpcore.decide.turn import Turn
from clpcore.model import arbitration
from clpcore.model.arbitration import Holder
from clpcore.model.guards import Tenure, Wants
from clpcore.model.inputs import Outcome
from clpcore.model.ownership import EvidenceKind, Version, Wanted
from clpcore.model.states import Event

_WORD: Final = re.compile(r"(?P<server>\S+) boot (?P<boot>[0-9]{1,18}) epoch [0-9]+: (?P<kind>.+)")
AGAIN_MS: Final = 1_000  # at the latest, while it does not answer or refuses


def is_mine(turn: Turn, holder: Holder) -> bool:
    """Tell whether the arbiter's word is about this very boot."""
    return (holder.server, holder.boot) == (turn.me, turn.incarnation.boot)


def mine_in(turn: Turn, found: arbitration.Record | None) -> tuple[Holder, ...]:
    """Give where a record names this boot, as holder or as suspect."""
    named = () if found is None else (found.holder, *found.suspects)
    return tuple(each for each in named if each is not None and is_mine(turn, each))


def as_named(turn: Turn, found: arbitration.Record | None) -> Holder | None:
    """Give how a record names this boot: first as its holder, as only that very word frees it."""
    named = mine_in(turn, found)
    return named[0] if named else None


def take(turn: Turn, group: str, action: int, outcome: Outcome, *, paused: bool) -> None:
    """Note how the record stands after what was asked, *paused*: before this server slept."""
    tenure = turn.tenures.get(group)
    if tenure is None or tenure.action != action:
        return
    if paused:  # what it says may have changed while this server did not run (R7)
        turn.tenures.put(group, attrs.evolve(tenure, action=0, next_at=turn.now))
        return
    found = outcome.record
    if found is None:
        _unanswered(turn, group, tenure)
        return
    turn.tenures.put(group, attrs.evolve(tenure, action=0, record=found))
    _notice_a_forgotten_life(turn, found)
    match tenure.wants:
        case Wants.CLAIM:
            _claimed(turn, group, tenure, found)
        case Wants.CLEAR | Wants.CHECK:
            _looked(turn, group, tenure.wants, found)
        case Wants.RELEASE | Wants.DISCLAIM:
            _given_back(turn, group, found)


def _unanswered(turn: Turn, group: str, tenure: Tenure) -> None:
    """Ask again in a while."""
    arbiter = turn.config.arbiter
    if arbiter is None:
        return
    again = turn.now + min(arbiter.renewal, AGAIN_MS)
    turn.tenures.put(group, attrs.evolve(tenure, action=0, next_at=again))
    if tenure.wants is Wants.CLAIM:
        note = messages.because("rc601", server=turn.me, arbiter=arbiter.name)
        holding.note(turn, group, note)


def _looked(turn: Turn, group: str, wants: Wants, found: arbitration.Record) -> None:
    """Draw what follows from a record that this server has, as far as it knows."""
    forgotten = found.epoch < turn.records[group].epoch
    if stands(turn, group, found):
        if wants is Wants.CHECK:
            turn.tenures.drop(group)
        else:  # a suspect may say that it has stopped
            turn.tenures.change(group, next_at=turn.now + AGAIN_MS)
        _renew_again(turn)
    elif forgotten:
        _forgotten(turn)
    elif wants is Wants.CLEAR:
        _outrun(turn, group, found)
    else:
        _superseded(turn, group, found)


def _notice_a_forgotten_life(turn: Turn, found: arbitration.Record) -> None:
    """Take a higher number when a life of this server is named that its journal has lost."""
    used, arbiter = used_before(turn, found), turn.config.arbiter
    if used and arbiter is not None:
        numbering.rise_above(turn, arbiter.name, used)


def used_before(turn: Turn, found: arbitration.Record) -> int:
    """Give the highest number of another life of this server that is not below its own; 0: none.

    Until this server has a higher one, which waits for all that runs here to be stopped, it claims
    nothing: whoever knows that life would take this one for it.
    """
    now = turn.incarnation.boot
    named = (each for each in (found.holder, *found.suspects) if each is not None)
    lives = [(each.server, each.boot.counter) for each in named if each.boot != now]
    lives += [life for life in map(_ended, found.evidence) if life is not None]
    used = max((number for server, number in lives if server == turn.me), default=0)
    return used if used >= now.counter else 0


def word(suspect: Holder, kind: EvidenceKind) -> str:
    """Give what the arbiter's record says of a suspect that was taken off."""
    return f"{suspect.server} boot {suspect.boot.counter} epoch {suspect.epoch}: {kind.value}"


def _ended(said: str) -> tuple[str, int] | None:
    """Give server and number of a life that is over by such a word; None: it may go on."""
    found = _WORD.fullmatch(said)
    if found is None or found["kind"] not in {kind.value for kind in numbering.OVER}:
        return None
    return found["server"], int(found["boot"])


def _renew_again(turn: Turn) -> None:
    """What was asked about stands: it was a release that the refused renewal crossed."""
    if turn.session.lost:
        turn.session = attrs.evolve(turn.session, lost=False, next_at=turn.now + turn.beat_ms)


def stands(turn: Turn, group: str, found: arbitration.Record) -> bool:
    """Tell whether the arbiter's record is the one that this boot won."""
    record = turn.records[group]
    mine = Holder(turn.me, turn.incarnation.boot, record.epoch)
    return evidence.mine(turn, record) and found.holder == mine


def _claimed(turn: Turn, group: str, before: Tenure, found: arbitration.Record) -> None:
    """Draw what follows from the answer to a claim, or to the look before it.

    What is only found was won by a try or an agent before this one. Its release may be on its way,
    so that it is never served by, but given back (ownership.md 3.1).
    """
    record, holder = turn.records[group], found.holder
    mine = holder is not None and is_mine(turn, holder)
    newer = holder is not None and mine and holder.epoch > record.epoch
    only_read = before.record is None and not evidence.holds(turn, group)
    if mine and only_read:
        return
    if newer or stands(turn, group, found):  # others may have told what the answer did not
        _won(turn, group, found)
        return
    if mine:  # the journal says that it was given back
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE, record=found))
        return
    if before.record is None and not found.lapses_in:
        return  # it was only read, and may be claimed
    if holder is not None and not is_mine(turn, holder):
        lease = messages.because("rc604", group=group, server=holder.server, epoch=holder.epoch)
        holding.note(turn, group, lease)
        if not evidence.holds(turn, group):
            _learn(turn, group, found)
    elif found.epoch < record.epoch:
        because = messages.because("rc605", group=group, known=record.epoch, found=found.epoch)
        holding.note(turn, group, because)
    at = turn.now + max(turn.beat_ms, min(found.lapses_in or 0, AGAIN_MS))
    turn.tenures.change(group, next_at=at)
    turn.wake(at, group)


def _won(turn: Turn, group: str, found: arbitration.Record) -> None:
    """Journal it; the suspects are still to be cleared."""
    record, tenure = turn.records[group], turn.tenures[group]
    new = attrs.evolve(
        record,
        version=turn.next_version(record),
        epoch=found.epoch,
        owner=turn.me,
        boot=turn.incarnation.boot,
        cohort=tuple(sorted(turn.config.server_names)),
        evidence=(),
        wanted=Wanted.AUTO,
        heir="",
        event=tenure.event.value,
        avoid=(),
        previous=tenure.previous,
        arbitrated=True,
    )
    turn.tenures.put(group, attrs.evolve(tenure, wants=Wants.CLEAR, next_at=0))
    holding.put_forward(turn, new, holding.others(turn, new))


def _outrun(turn: Turn, group: str, found: arbitration.Record) -> None:
    """Another one holds what this server had won and never served."""
    _learn(turn, group, found)
    turn.tenures.put(group, Tenure(wants=Wants.DISCLAIM))


def _superseded(turn: Turn, group: str, found: arbitration.Record) -> None:
    """Another one holds what this server serves: stop at once, then say so at the arbiter."""
    holder = found.holder
    to, epoch = (holder.server, holder.epoch) if holder else ("", found.epoch)
    turn.say("rc606", group=group, server=to, epoch=epoch, me=turn.me)
    holding.lose(turn, group)
    turn.groups.change(group, lost=True)
    turn.tenures.put(group, Tenure(wants=Wants.DISCLAIM))


def _forgotten(turn: Turn) -> None:
    """The arbiter has lost its memory: what this server serves is written there anew."""
    for group in session.held(turn):
        event = turn.records[group].why(Event.START)
        turn.tenures.put(group, Tenure(wants=Wants.CLAIM, event=event))


def _given_back(turn: Turn, group: str, found: arbitration.Record) -> None:
    if mine_in(turn, found):
        again = turn.now + turn.beat_ms  # a claim, too, whose answer was never heard
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE, record=found, next_at=again))
        return
    turn.tenures.drop(group)
    if evidence.mine(turn, turn.records[group]) and not turn.groups[group].lost:
        holding.write_release(turn, group)
    else:
        _learn(turn, group, found)
    turn.groups.change(group, lost=False)


def _learn(turn: Turn, group: str, found: arbitration.Record) -> None:
    """Journal what the arbiter says of another one's ownership."""
    record, holder = turn.records[group], found.holder
    if found.epoch <= record.epoch or holder is None:
        return
    new = attrs.evolve(
        record,
        version=Version(0, holder.server),  # below every one that a server gave to it
        epoch=found.epoch,
        owner=holder.server,
        boot=holder.boot,
        evidence=(),
        heir="",
        event="",
        avoid=(),
        arbitrated=True,
    )
    turn.records.put(group, new)
    for name in sorted(turn.up):
        agreement.tell(turn, name, (new,))
