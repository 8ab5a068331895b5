"""A group's record at the arbiter: claim, clear the suspects, serve, release (ownership.md 3.1).

The server that is to serve claims for itself. Won is not yet allowed: every former holder must be
proven stopped, and the record read clear of them, while the session lasts.
"""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import asking, evidence, fencing, holding, session, verdicts
from clpcore.decide.turn import Turn
from clpcore.model import arbitration
from clpcore.model.actions import Arbitrate
from clpcore.model.arbitration import Holder
from clpcore.model.guards import Tenure, Wants
from clpcore.model.ownership import Evidence, EvidenceKind, Record
from clpcore.model.protection import OnFenceFailure, Policy
from clpcore.model.state import Matter
from clpcore.model.states import Event, Phase


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
    """Give a claim up: an operator has stopped the group, or its owner is heard again.

    A claim waited only for the lapse of that owner's lease.
    """
    tenure, record = turn.tenures.get(group), turn.records[group]
    if tenure is None or tenure.wants is not Wants.CLAIM:
        return
    stopped = holding.is_overtaken(record, tenure.seen) and not evidence.holds(turn, group)
    heard_again = record.owner not in ("", turn.me) and evidence.lives(turn, record)
    if stopped or (heard_again and not tenure.action):
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
        turn.tenures.put(group, Tenure(wants=Wants.DISCLAIM, next_at=turn.now + verdicts.AGAIN_MS))


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
            me = verdicts.as_named(turn, tenure.record) or Holder(turn.me, boot, record.epoch)
            releases = tenure.wants is Wants.RELEASE
            return arbitration.Release(me) if releases else arbitration.Disclaim(me)


def _claim(turn: Turn, record: Record, tenure: Tenure) -> arbitration.Question | None:
    """Give what leads to the claim: first, how the record stands."""
    group, known, boot = record.group, tenure.record, turn.incarnation.boot
    here = None if evidence.holds(turn, group) else evidence.obstacle_here(turn, group)
    fresh = known is None or known.epoch == record.epoch == 0
    if obstacle := session.obstacle(turn, fresh=fresh) or here:
        holding.note(turn, group, obstacle)
        return None
    if known is None or verdicts.used_before(turn, known):
        return arbitration.Read()
    holder, holds = known.holder, evidence.holds(turn, group)
    if holder is not None and verdicts.is_mine(turn, holder) and not holds:
        return arbitration.Release(holder)  # never served by: its release may be on its way
    if any(verdicts.is_mine(turn, each) for each in known.suspects):
        return arbitration.Disclaim(Holder(turn.me, boot, known.epoch))
    obstacle = None
    if known.epoch < record.epoch and not _all_agree(turn, record):
        obstacle = messages.because("rc605", group=group, known=record.epoch, found=known.epoch)
    elif holder is not None and _may_yet_be_heard(turn, holder):
        obstacle = fencing.blocked(turn, group, holder.server)
    if obstacle is not None:
        holding.note(turn, group, obstacle)
        again = turn.now + verdicts.AGAIN_MS
        turn.tenures.put(group, attrs.evolve(tenure, record=None, next_at=again))
        turn.wake(again, group)
        return None
    return arbitration.Claim(Holder(turn.me, boot, max(record.epoch, known.epoch) + 1))


def _may_yet_be_heard(turn: Turn, holder: Holder) -> bool:
    """Tell whether a holder may yet be heard: an agent that has just started has heard nobody.

    Without leases the arbiter grants every claim, and who is taken over from is stopped by force.
    """
    if turn.config.policy is not Policy.FENCE or holder.server not in turn.peers:
        return False
    known = holder.server in turn.up or evidence.silent(turn, holder.server) is not None
    return not known and evidence.proof_about(turn, holder.server, holder.boot) is None


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


def _ask(turn: Turn, group: str, tenure: Tenure, question: arbitration.Question) -> None:
    arbiter = turn.config.arbiter
    if arbiter is None:
        return
    why = asking.about(turn, entry=arbiter.name, group=group, epoch=turn.records[group].epoch)
    action = Arbitrate(id=turn.number(), call=why, timeout=arbiter.timeout, ask=question)
    asking.begin(turn, action, Matter.TENURE, group)
    turn.tenures.put(group, attrs.evolve(tenure, action=action.id))


# -- suspects


def _strike_off(turn: Turn, group: str, tenure: Tenure) -> Tenure | None:
    """Take those suspects off that are proven stopped; serve when none is left.

    Returns:
        The tenure if the record has to be read (again); None: there is nothing to ask now.

    """
    found = tenure.record
    if found is None or not verdicts.stands(turn, group, found):
        return tenure
    if not found.suspects:
        _serve(turn, group)
        return None
    mine = [each.epoch for each in found.suspects if verdicts.is_mine(turn, each)]
    if mine and evidence.idle(turn, group):  # of a claim whose answer was never heard
        me = Holder(turn.me, turn.incarnation.boot, max(mine))
        _ask(turn, group, tenure, arbitration.Disclaim(me))
        return None
    proofs = {each: _proof(turn, each) for each in found.suspects}
    proven = {each: kind for each, kind in proofs.items() if kind is not None}
    if not proven:
        first = found.suspects[0]
        holding.note(turn, group, fencing.blocked(turn, group, first.server))
        return tenure
    words = tuple(verdicts.word(each, kind) for each, kind in proven.items())
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
