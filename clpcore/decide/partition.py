"""NP resolution: when others are silent, who is cut off? (clusterpro.md 6).

Somebody answers: this server lives. Nobody does: it is cut off (``isolation``). While the others
are heard an answer only shows how the target is. A question that could not be asked says nothing:
an unknown is never a no.
"""

from __future__ import annotations

import attrs

from clpcore.decide import asking, evidence
from clpcore.decide.turn import Turn
from clpcore.model.actions import AskNp
from clpcore.model.guards import LocalNp
from clpcore.model.inputs import Outcome
from clpcore.model.protection import MAJORITY, NpResolution
from clpcore.model.state import Matter
from clpcore.model.states import Answer, Phase, Shown

_SOON_MS = 100  # between two questions while it matters

# -- asking


def settle(turn: Turn) -> None:
    """Ask in time: while all is well now and then, and at once when somebody is not heard."""
    if not turn.config.nps or turn.phase in (Phase.OFFLINE, Phase.DYING):
        return
    urgent = _in_question(turn)
    for np in turn.config.nps:
        if np.asks_on(turn.me) and np.type != MAJORITY:
            _ask_in_time(turn, np, urgent)


def _in_question(turn: Turn) -> int | None:
    """Give since when somebody who did not say good-bye gives no sign of life; None: nobody."""
    missing = []
    for name, peer in turn.peers.items():
        if evidence.proof(turn, name) is not None and not peer.up:
            continue
        last = evidence.last_sign(peer)
        due = last + 2 * turn.config.heartbeat_interval
        if peer.up and turn.now < due:
            turn.wake(due)
        elif peer.up or evidence.silent(turn, name) is not None:
            missing.append(last)
    return max(missing, default=None)


def _ask_in_time(turn: Turn, np: NpResolution, urgent: int | None) -> None:
    local = turn.nps.get(np.name) or LocalNp()
    due = turn.now if local.next_at is None else local.next_at
    if urgent is not None and verdict_of(np, local, urgent) is None:
        due = min(due, local.asked_at + _SOON_MS)
    if local.action == 0 and turn.now >= due:
        why = asking.about(turn, entry=np.name)
        action = AskNp(id=turn.number(), call=why, timeout=np.timeout)
        asking.begin(turn, action, Matter.NP, np.name)
        due = turn.now + np.interval
        local = attrs.evolve(local, action=action.id, asked_at=turn.now)
    turn.nps.put(np.name, attrs.evolve(local, next_at=due))
    if local.action == 0:
        turn.wake(due)


def take_answer(turn: Turn, name: str, action: int, outcome: Outcome) -> None:
    """Note what a question came to."""
    local, np = turn.nps.get(name), turn.config.np_by_name.get(name)
    if local is None or np is None or local.action != action:
        return
    asked, answer = local.asked_at, outcome.answer
    if answer is Answer.ANSWERED:
        after = attrs.evolve(local, answered=asked, silences=0, state=Shown.NORMAL)
    elif answer is Answer.SILENT:
        silences = local.silences + 1
        state = Shown.ERROR if silences >= np.tries else local.state
        after = attrs.evolve(local, silent=asked, silences=silences, state=state)
    else:
        state = Shown.CAUTION if local.state is Shown.NORMAL else local.state
        after = attrs.evolve(local, unasked=asked, state=state)
    _say_change(turn, name, local, after, outcome)
    turn.nps.put(name, attrs.evolve(after, action=0, detail=outcome.detail))


def _say_change(turn: Turn, name: str, was: LocalNp, now: LocalNp, outcome: Outcome) -> None:
    if now.state is was.state:
        return
    if now.state is Shown.NORMAL and was.state is not Shown.UNKNOWN:
        turn.say("nm36", np=name, server=turn.me)
    elif now.state is Shown.ERROR:
        turn.say("nm37", np=name, server=turn.me, tries=now.silences)
    elif now.state is Shown.CAUTION:
        reason = outcome.detail or outcome.verdict.value
        turn.say("nm38", np=name, server=turn.me, reason=reason)


# -- what the answers mean


def verdict_of(np: NpResolution, local: LocalNp, since: int) -> Answer | None:
    """Give what was found out by questions that were asked after *since*; None: nothing yet."""
    silenced = local.silences >= np.tries
    if silenced and local.silent is not None and local.silent > since:
        return Answer.SILENT
    if local.answered is not None and local.answered > since and not silenced:
        return Answer.ANSWERED
    if local.unasked is not None and local.unasked > since and local.silences == 0:
        return Answer.UNKNOWN
    return None


def verdict(turn: Turn, since: int) -> Answer | None:
    """Give who is cut off, by all ways of NP resolution together; None: not known yet.

    One answer is enough to live. Without any, one silence is enough not to; what could not be
    asked counts for neither.
    """
    found = [_one(turn, np, since) for np in turn.config.nps if np.asks_on(turn.me)]
    if Answer.ANSWERED in found:
        return Answer.ANSWERED
    if None in found or not found:
        return None
    return Answer.SILENT if Answer.SILENT in found else Answer.UNKNOWN


def _one(turn: Turn, np: NpResolution, since: int) -> Answer | None:
    if np.type == MAJORITY:
        return Answer.ANSWERED if is_enough(turn, np) else Answer.SILENT
    return verdict_of(np, turn.nps.get(np.name) or LocalNp(), since)


def is_enough(turn: Turn, np: NpResolution) -> bool:
    """Count by an entry of type majoritynp; half of all may be enough with the best server."""
    if hears_majority(turn):
        return True
    half = 2 * (1 + len(turn.up)) == len(turn.config.server_names)
    best = turn.config.server_names[0]
    wins = np.settings_for(turn.me).get("best_priority_wins_half", False)
    return bool(wins) and half and (best == turn.me or best in turn.up)


def hears_majority(turn: Turn) -> bool:
    """Tell whether this server and those that it hears are more than half of all."""
    return 2 * (1 + len(turn.up)) > len(turn.config.server_names)


def may_act_against(turn: Turn, server: str) -> bool:
    """Tell whether NP resolution, where there is one, says that *server* is to be replaced."""
    if not any(np.asks_on(turn.me) for np in turn.config.nps):
        return not turn.config.nps
    return verdict(turn, evidence.last_sign(turn.peers[server])) is Answer.ANSWERED
