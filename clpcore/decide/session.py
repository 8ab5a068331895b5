"""This boot's session at the arbiter: the lease that all its groups rest on (ownership.md 3.1).

The deadline counts from the sending of a renewal; an answer that comes after the old deadline is
thrown away. When the arbiter does not answer, the promises of all other configured servers stand
in for it: hearing them proves nothing, as they may claim there.
"""

from __future__ import annotations

import attrs

from clpcore import messages
from clpcore.decide import asking, evidence, numbering
from clpcore.decide.turn import Turn
from clpcore.model import arbitration
from clpcore.model.actions import Arbitrate
from clpcore.model.config import ClusterConfig
from clpcore.model.guards import Tenure, Wants
from clpcore.model.inputs import Outcome
from clpcore.model.peer import AskPromise, Promise
from clpcore.model.protection import Arbiter
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Matter
from clpcore.model.states import Phase, Verdict

_ASKS = 2  # renewals without an answer until promises are asked for


def settle(turn: Turn) -> None:
    """Renew in time; while that fails, ask the others for their promises."""
    _forget_old_promises(turn)
    arbiter = turn.config.arbiter
    if arbiter is None or turn.phase in (Phase.OFFLINE, Phase.DYING):
        return
    now = turn.session
    if now.action == 0 and turn.now >= now.next_at:
        _renew(turn, arbiter)
    elif now.action == 0:
        turn.wake(now.next_at)
    if arbiter.lease and turn.lease:
        _seek_promises(turn, arbiter)


# -- the lease


def stop_time(config: ClusterConfig, lease: int) -> int:
    """Give when a server whose *lease* ends then begins to stop what it serves (T2)."""
    return lease - config.arbiter.margin(config.stop_budget) if config.arbiter else 0


def lapses(turn: Turn, group: str) -> bool:
    """Tell whether the time to stop *group* has come; it is looked at again when it comes."""
    arbiter = turn.config.arbiter
    if arbiter is None or arbiter.lease == 0 or turn.lease == 0:
        return False
    due = stop_time(turn.config, turn.lease)
    if turn.now < due:
        turn.wake(due, group)
    return turn.now >= due


def obstacle(turn: Turn, *, fresh: bool = False) -> Because | None:
    """Tell why this boot may not claim at the arbiter; None: it may.

    *fresh*: the arbiter is only asked, or nobody knows of an owner yet: no promise can have been
    about it.
    """
    arbiter = turn.config.arbiter
    if arbiter is None:
        return None
    to = sorted(turn.promised)
    if to == [""] and not fresh:
        return messages.because("rc597", server=turn.me)
    if to not in ([], [""]):
        return messages.because("rc602", server=turn.me, to=", ".join(name for name in to if name))
    if turn.config.needs_watchdog and not turn.armed:
        return messages.because("rc610", server=turn.me)
    if not good(turn):
        return messages.because("rc601", server=turn.me, arbiter=arbiter.name)
    return None


def may_answer_soon(turn: Turn) -> bool:
    """Tell whether this server is new, and has not had the arbiter's first answer yet."""
    arbiter, now = turn.config.arbiter, turn.session
    if arbiter is None or now.renewed_at is not None or now.detail:
        return False
    due = turn.since + 2 * arbiter.timeout
    if turn.now < due:
        turn.wake(due)
    return turn.now < due


def good(turn: Turn) -> bool:
    """Tell whether more may be activated here: the arbiter has confirmed what is held, and lately.

    Also after a restart of the agent, which the lease outlives.
    """
    arbiter = turn.config.arbiter
    if arbiter is None:
        return True
    if turn.session.renewed_at is None or turn.session.lost:
        return False
    return arbiter.lease == 0 or turn.now < stop_time(turn.config, turn.lease)


def feed_until(config: ClusterConfig, state: ClusterState) -> int | None:
    """Give until when the watchdog may be fed (T2); None: nothing depends on a lease here."""
    arbiter = config.arbiter
    if arbiter is None or arbiter.lease == 0 or state.run.lease == 0:
        return None
    if not any(group.epoch for group in state.groups.values()):
        return None
    return state.run.lease - arbiter.watchdog - arbiter.freeze - arbiter.reset


# -- renewals


def held(turn: Turn) -> dict[str, int]:
    """Give the groups that this boot has at the arbiter, and under which epoch."""
    found = {}
    for name, record in sorted(turn.records.items()):
        tenure = turn.tenures.get(name)
        gives_back = tenure is not None and tenure.wants in (Wants.RELEASE, Wants.DISCLAIM)
        known = record.arbitrated and evidence.mine(turn, record)
        if known and not gives_back and not turn.groups[name].lost:
            found[name] = record.epoch
    return found


def _renew(turn: Turn, arbiter: Arbiter) -> None:
    wanted = arbitration.Session(
        server=turn.me, boot=turn.incarnation.boot, lease=arbiter.lease, held=held(turn)
    )
    action = Arbitrate(
        id=turn.number(),
        call=asking.about(turn, entry=arbiter.name),
        timeout=arbiter.timeout,
        ask=arbitration.Renew(wanted),
    )
    asking.begin(turn, action, Matter.SESSION, arbiter.name)
    turn.session = attrs.evolve(
        turn.session, action=action.id, sent_at=turn.now, next_at=turn.now + arbiter.renewal
    )


def take_renewal(turn: Turn, action: int, outcome: Outcome) -> None:
    """Note whether the session is kept; a refusal makes every group's record a question."""
    arbiter, was = turn.config.arbiter, turn.session
    if arbiter is None or was.action != action:
        return
    now = attrs.evolve(was, action=0)
    if outcome.kept is None:
        if was.detail == "":
            turn.say("rc603", arbiter=arbiter.name, server=turn.me, reason=_why(outcome))
        turn.session = attrs.evolve(now, detail=_why(outcome))
        if outcome.verdict is Verdict.FAILED:
            _look_what_it_knows(turn)
        return
    if was.detail:
        turn.say("rc607", arbiter=arbiter.name, server=turn.me)
        for name in turn.tenures:
            turn.tenures.change(name, next_at=turn.now)
    turn.session = attrs.evolve(now, detail="", lost=not outcome.kept)
    if was.lost and not outcome.kept and not held(turn):
        # Nothing is held that could be lost: the arbiter knows a life with a higher number.
        numbering.rise_above(turn, arbiter.name, turn.incarnation.boot.counter)
    if outcome.kept:
        _extend(turn, was.sent_at, was.sent_at + arbiter.counted)
    turn.sweep()


def _look_what_it_knows(turn: Turn) -> None:
    """It answered, and not with yes or no: perhaps it has lost its memory; one record tells."""
    first = next((name for name in held(turn) if name not in turn.tenures), "")
    if first:
        turn.tenures.put(first, Tenure(wants=Wants.CHECK))


def _why(outcome: Outcome) -> str:
    return outcome.detail or outcome.verdict.value


def _extend(turn: Turn, since: int, until: int) -> None:
    """Let the lease end at *until*, unless it had ended before the answer to it came."""
    if since < turn.lease <= turn.now:
        return
    if until > since >= turn.lease:
        turn.say("rc600", server=turn.me)
    turn.lease = max(turn.lease, until)
    turn.session = attrs.evolve(turn.session, renewed_at=since, asking=0, promised=())


# -- promises


def _seek_promises(turn: Turn, arbiter: Arbiter) -> None:
    """Ask for promises when renewals fail, for as long as anything is held."""
    now = turn.session
    if not now.detail or not turn.peers or not held(turn):
        return
    patience = _ASKS * arbiter.renewal + arbiter.timeout
    if now.renewed_at is not None and turn.now - now.renewed_at <= patience:
        return
    if now.asking == 0 or turn.now - now.asked_at >= arbiter.renewal:
        number = max(now.asking + 1, turn.now)  # never that of an earlier agent of this boot
        turn.session = attrs.evolve(now, asking=number, asked_at=turn.now, promised=())
        for name in turn.peers:
            turn.send(name, AskPromise(number))
    turn.wake(turn.now + arbiter.renewal)


def answer_ask(turn: Turn, sender: str, letter: AskPromise) -> None:
    """Promise to claim nothing for a lease, unless a claim is under way; journaled before."""
    arbiter = turn.config.arbiter
    if arbiter is None or _is_claiming(turn):
        return
    turn.promised.put(sender, turn.now + arbiter.lease)
    turn.promised_once = True
    turn.send(sender, Promise(turn.boot_of(sender), letter.number))


def _is_claiming(turn: Turn) -> bool:
    return any(each.wants in (Wants.CLAIM, Wants.CLEAR) for _, each in turn.tenures.items())


def take_promise(turn: Turn, sender: str, letter: Promise) -> None:
    """Note a promise; with those of all others the lease is longer, counted from the asking."""
    arbiter, now = turn.config.arbiter, turn.session
    if arbiter is None or letter.to != turn.incarnation.boot or letter.number != now.asking:
        return
    promised = tuple(sorted({*now.promised, sender}))
    turn.session = attrs.evolve(now, promised=promised)
    others = set(turn.config.server_names) - {turn.me}
    if others <= set(promised) and now.asked_at < turn.lease and turn.now < turn.lease:
        turn.lease = max(turn.lease, now.asked_at + arbiter.counted)


def _forget_old_promises(turn: Turn) -> None:
    for name, until in turn.promised.items():
        if turn.now >= until:
            turn.promised.drop(name)
        else:
            turn.wake(until)
    if turn.promised_once and not turn.promised:
        turn.promised_once = False
        turn.sweep()
