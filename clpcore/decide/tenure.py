"""A group's record at the arbiter: claim, clear the suspects, serve, release (ownership.md 3.1).

The server that is to serve claims for itself. Won is not yet allowed: every former holder must be
proven stopped, and the record read clear of them, while the session lasts.
"""

from __future__ import annotations

from typing import Final

import attrs

from clpcore import messages
from clpcore.decide import agreement, asking, evidence, fencing, holding, numbering, session
from clpcore.decide.turn import Turn
from clpcore.model import arbitration
from clpcore.model.actions import Arbitrate
from clpcore.model.arbitration import Holder
from clpcore.model.guards import Tenure, Wants
from clpcore.model.inputs import Outcome
from clpcore.model.ownership import Evidence, EvidenceKind, Record, Version, Wanted
from clpcore.model.protection import OnFenceFailure, Policy
from clpcore.model.state import Matter
from clpcore.model.states import Event, Phase

_AGAIN_MS: Final = 1_000  # at the latest, while it does not answer or refuses


def settle(turn: Turn, group: str) -> None:
    """Bring on what this server wants of the arbiter about *group*."""
    if turn.phase not in (Phase.STARTING, Phase.ONLINE, Phase.LEAVING):
        return
    _let_lapse(turn, group)
    _withdraw(turn, group)
    _notice_what_is_open(turn, group)
    tenure = turn.tenures.get(group)
    if tenure is None or tenure.action:
        return
    if tenure.wants is Wants.CLEAR and not turn.session.lost:
        tenure = _strike_off(turn, group, tenure)
        if tenure is None:
            return
    if turn.now < tenure.next_at:
        turn.wake(tenure.next_at, group)
        return
    question = _question(turn, group, tenure)
    if question is not None:
        _ask(turn, group, tenure, question)


def _let_lapse(turn: Turn, group: str) -> None:
    """Stop when the time has come, and take back what was not won yet: first of all."""
    if not session.lapses(turn, group):
        return
    if evidence.holds(turn, group) and turn.groups[group].stop_by is None:
        turn.say("rc608", group=group, server=turn.me)
        holding.lose(turn, group)
    tenure = turn.tenures.get(group)
    if tenure is not None and tenure.wants in (Wants.CLAIM, Wants.CLEAR):
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE))


def _withdraw(turn: Turn, group: str) -> None:
    """Give a claim up when its owner is heard again: it only waited for its lease to lapse."""
    tenure, record = turn.tenures.get(group), turn.records[group]
    if tenure is None or tenure.wants is not Wants.CLAIM or tenure.action:
        return
    if record.owner not in ("", turn.me) and evidence.lives(turn, record):
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE))
        turn.groups.change(group, note=None)


def _notice_what_is_open(turn: Turn, group: str) -> None:
    """Begin what nobody has begun: give back, or ask whether this boot still has the record."""
    if group in turn.tenures:
        return
    record, holds = turn.records[group], evidence.holds(turn, group)
    if holds and not record.arbitrated:
        turn.tenures.put(group, Tenure(wants=Wants.CLAIM, event=record.why(Event.START)))
    elif holds and turn.session.lost:
        turn.tenures.put(group, Tenure(wants=Wants.CHECK))
    elif not holds and evidence.mine(turn, record) and evidence.idle(turn, group):
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE))
    elif not holds and _is_waited_for(turn, record) and evidence.idle(turn, group):
        turn.tenures.put(group, Tenure(wants=Wants.DISCLAIM, next_at=turn.now + _AGAIN_MS))


def _is_waited_for(turn: Turn, record: Record) -> bool:
    """Tell whether the owner is heard and does not serve yet: perhaps for a word of this server.

    A claim of this boot that comes late, of an agent before this one, makes it a suspect of a claim
    that it never hears of.
    """
    if record.owner in ("", turn.me) or not record.arbitrated or not evidence.lives(turn, record):
        return False
    report = turn.peers[record.owner].groups.get(record.group)
    return report is not None and report.epoch == 0


# -- asking


def _question(turn: Turn, group: str, tenure: Tenure) -> arbitration.Question | None:
    """Give what to ask now; None: it has to wait."""
    record, boot = turn.records[group], turn.incarnation.boot
    match tenure.wants:
        case Wants.CLAIM:
            return _claim(turn, record, tenure)
        case Wants.CLEAR | Wants.CHECK:
            return arbitration.Read()
        case Wants.RELEASE | Wants.DISCLAIM:
            if not evidence.idle(turn, group) or evidence.holds(turn, group):
                return None
            won = max((each.epoch for each in _mine_in(turn, tenure.record)), default=0)
            me = Holder(turn.me, boot, max(record.epoch, won))
            releases = tenure.wants is Wants.RELEASE
            return arbitration.Release(me) if releases else arbitration.Disclaim(me)


def _claim(turn: Turn, record: Record, tenure: Tenure) -> arbitration.Question | None:
    """Give what leads to the claim: first, how the record stands."""
    group, known, boot = record.group, tenure.record, turn.incarnation.boot
    here = None if evidence.holds(turn, group) else evidence.obstacle_here(turn, group)
    fresh = known is None or known.epoch == 0
    if obstacle := session.obstacle(turn, fresh=fresh) or here:
        holding.note(turn, group, obstacle)
        return None
    if known is None:
        return arbitration.Read()
    holder, holds = known.holder, evidence.holds(turn, group)
    if holder is not None and _is_mine(turn, holder) and not holds:
        return arbitration.Release(holder)  # never served by: its release may be on its way
    if any(_is_mine(turn, each) for each in known.suspects):
        return arbitration.Disclaim(Holder(turn.me, boot, known.epoch))
    if known.epoch < record.epoch and not _all_agree(turn, record):
        because = messages.because("rc605", group=group, known=record.epoch, found=known.epoch)
        holding.note(turn, group, because)
        turn.tenures.put(group, attrs.evolve(tenure, record=None, next_at=turn.now + _AGAIN_MS))
        return None
    return arbitration.Claim(Holder(turn.me, boot, max(record.epoch, known.epoch) + 1))


def _all_agree(turn: Turn, record: Record) -> bool:
    """Tell whether a record may be written anew at an arbiter that knows less than the journals.

    It is new, or has lost its memory: then every other server must hold the same record, or be
    proven stopped, so that nobody serves by one that is not known here.
    """
    return all(
        peer.told.get(record.group) == record.version if peer.up else _is_stopped(turn, name)
        for name, peer in turn.peers.items()
    )


def _is_stopped(turn: Turn, server: str) -> bool:
    kind = evidence.proof(turn, server)
    return kind is not None and kind.proven


def _is_mine(turn: Turn, holder: Holder) -> bool:
    return (holder.server, holder.boot) == (turn.me, turn.incarnation.boot)


def _mine_in(turn: Turn, found: arbitration.Record | None) -> tuple[Holder, ...]:
    """Give where a record names this boot, as holder or as suspect."""
    named = () if found is None else (found.holder, *found.suspects)
    return tuple(each for each in named if each is not None and _is_mine(turn, each))


def _ask(turn: Turn, group: str, tenure: Tenure, question: arbitration.Question) -> None:
    arbiter = turn.config.arbiter
    if arbiter is None:
        return
    why = asking.about(turn, entry=arbiter.name, group=group, epoch=turn.records[group].epoch)
    action = Arbitrate(id=turn.number(), call=why, timeout=arbiter.timeout, ask=question)
    asking.begin(turn, action, Matter.TENURE, group)
    turn.tenures.put(group, attrs.evolve(tenure, action=action.id))


# -- answers


def take_record(turn: Turn, group: str, action: int, outcome: Outcome) -> None:
    """Note how the record stands after what was asked."""
    tenure = turn.tenures.get(group)
    if tenure is None or tenure.action != action:
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
    again = turn.now + min(arbiter.renewal, _AGAIN_MS)
    turn.tenures.put(group, attrs.evolve(tenure, action=0, next_at=again))
    if tenure.wants is Wants.CLAIM:
        note = messages.because("rc601", server=turn.me, arbiter=arbiter.name)
        holding.note(turn, group, note)


def _looked(turn: Turn, group: str, wants: Wants, found: arbitration.Record) -> None:
    """Draw what follows from a record that this server has, as far as it knows."""
    forgotten = found.epoch < turn.records[group].epoch
    if _stands(turn, group, found):
        if wants is Wants.CHECK:
            turn.tenures.drop(group)
        else:  # a suspect may say that it has stopped
            turn.tenures.change(group, next_at=turn.now + _AGAIN_MS)
        _renew_again(turn)
    elif forgotten:
        _forgotten(turn)
    elif wants is Wants.CLEAR:
        _outrun(turn, group, found)
    else:
        _superseded(turn, group, found)


def _notice_a_forgotten_life(turn: Turn, found: arbitration.Record) -> None:
    """Take a higher number when a life of this server is named that its journal has lost."""
    now = turn.incarnation.boot
    for each in (found.holder, *found.suspects):
        if each is None or each.server != turn.me or each.boot == now:
            continue
        if each.boot.counter >= now.counter and turn.config.arbiter is not None:
            numbering.rise_above(turn, turn.config.arbiter.name, each.boot.counter)
            return


def _renew_again(turn: Turn) -> None:
    """What was asked about stands: it was a release that the refused renewal crossed."""
    if turn.session.lost:
        turn.session = attrs.evolve(turn.session, lost=False, next_at=turn.now + turn.beat_ms)


def _stands(turn: Turn, group: str, found: arbitration.Record) -> bool:
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
    mine = holder is not None and _is_mine(turn, holder)
    newer = holder is not None and mine and holder.epoch > record.epoch
    only_read = before.record is None and not evidence.holds(turn, group)
    if mine and only_read:
        return
    if newer or _stands(turn, group, found):  # others may have told what the answer did not
        _won(turn, group, found)
        return
    if mine:  # the journal says that it was given back
        turn.tenures.put(group, Tenure(wants=Wants.RELEASE, record=found))
        return
    if before.record is None and not found.lapses_in:
        return  # it was only read, and may be claimed
    if holder is not None and not _is_mine(turn, holder):
        lease = messages.because("rc604", group=group, server=holder.server, epoch=holder.epoch)
        holding.note(turn, group, lease)
        if not evidence.holds(turn, group):
            _learn(turn, group, found)
    at = turn.now + max(turn.beat_ms, min(found.lapses_in or 0, _AGAIN_MS))
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
    if _mine_in(turn, found):
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


# -- suspects


def _strike_off(turn: Turn, group: str, tenure: Tenure) -> Tenure | None:
    """Take those suspects off that are proven stopped; serve when none is left.

    Returns:
        The tenure if the record has to be read (again); None: there is nothing to ask now.

    """
    found = tenure.record
    if found is None or not _stands(turn, group, found):
        return tenure
    if not found.suspects:
        _serve(turn, group)
        return None
    proofs = {each: _proof(turn, each) for each in found.suspects}
    proven = {each: kind for each, kind in proofs.items() if kind is not None}
    if not proven:
        first = found.suspects[0]
        holding.note(turn, group, fencing.blocked(turn, group, first.server))
        return tenure
    words = tuple(
        f"{each.server} boot {each.boot.counter} epoch {each.epoch}: {kind.value}"
        for each, kind in proven.items()
    )
    wanted = attrs.evolve(
        found,
        suspects=tuple(each for each in found.suspects if each not in proven),
        evidence=(*found.evidence, *words),
    )
    rests = tuple(Evidence(each.server, each.boot.counter, kind) for each, kind in proven.items())
    record = turn.records[group]
    new = attrs.evolve(
        record, version=turn.next_version(record), evidence=(*record.evidence, *rests)
    )
    holding.put_forward(turn, new, holding.others(turn, new))
    _ask(turn, group, tenure, arbitration.Amend(wanted))
    return None


def _proof(turn: Turn, suspect: Holder) -> EvidenceKind | None:
    kind = evidence.proof_about(turn, suspect.server, suspect.boot)
    if kind is not None and kind.proven:
        return kind
    if turn.config.policy is Policy.LEASE:
        return EvidenceKind.LEASE  # no claim is granted before it has lapsed
    failed = turn.fences.get(suspect.server)
    if failed is None or not failed.failed:
        return None
    return {
        OnFenceFailure.BLOCK: None,
        OnFenceFailure.LEASE: EvidenceKind.LEASE if turn.config.policy is Policy.BOTH else None,
        OnFenceFailure.FAILOVER: EvidenceKind.NONE,
    }[turn.config.on_fence_failure]


def _serve(turn: Turn, group: str) -> None:
    """All is proven: this server holds the group from now on, if its session is still good."""
    if not session.good(turn):
        return
    record = turn.records[group]
    turn.tenures.drop(group)
    holding.begin(turn, record)
