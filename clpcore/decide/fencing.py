"""Forced stop: make a silent server certainly stopped, before anybody takes over from it.

The request causes, the read-back proves: only a power state that was read as off is evidence, for
the boots up to the one that was meant, and it stays true (ownership.md 3.2). The intent is in the
journal before the request. Nobody is stopped from whom nothing has to be taken over.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from clpcore import messages
from clpcore.decide import asking, evidence, maintenance, partition, readiness
from clpcore.decide.turn import Turn
from clpcore.model.actions import Fence
from clpcore.model.config import ClusterConfig
from clpcore.model.guards import LocalFence, Wants
from clpcore.model.ids import Boot
from clpcore.model.inputs import Outcome
from clpcore.model.kept import ForcedStop, Intent
from clpcore.model.ownership import Evidence, EvidenceKind, Record, Wanted
from clpcore.model.peer import Beat
from clpcore.model.protection import OnFenceFailure, Policy
from clpcore.model.reasons import Because
from clpcore.model.state import ClusterState, Matter
from clpcore.model.states import Automatic, Phase, Power, Verdict

_REMEMBERED = 32  # ends of forced stops
_NOTICED_FOR = 10  # times its timeout: as late as a forced stop may come and be told


def settle(turn: Turn) -> None:
    """Begin those forced stops that are needed."""
    if not turn.config.fencings:
        return
    _let_innocent_lives_in(turn)
    if turn.phase is not Phase.ONLINE or turn.ending is not None or maintenance.suspended(turn):
        return
    for name in turn.peers:
        if name in turn.fences or evidence.silent(turn, name) is not None:
            _stop_if_needed(turn, name)


# -- who has to be stopped


def _stop_if_needed(turn: Turn, victim: str) -> None:
    local = turn.fences.get(victim)
    if local is not None and local.action:
        return
    if not turn.config.ways_to_stop(victim) or not _is_needed(turn, victim):
        turn.fences.drop(victim)
        return
    if local is None or local.boot != _boot_of(turn, victim):
        local = LocalFence(boot=_boot_of(turn, victim), since=turn.now)
        delay = 0 if _goes_first(turn) else turn.config.fence_delay
        if delay:
            turn.say("rc411", server=victim, me=turn.me, ms=delay)
        local = attrs.evolve(local, next_at=turn.now + delay)
        turn.fences.put(victim, local)
    if local.failed:
        return
    if turn.now < local.next_at:
        turn.wake(local.next_at)
        return
    _request(turn, victim, local)


def _is_needed(turn: Turn, victim: str) -> bool:
    """Tell whether nothing but the end of *victim* keeps a group from running on this side."""
    if evidence.silent(turn, victim) is None or evidence.proof(turn, victim) is not None:
        return False
    if turn.config.arbiter is not None:
        return victim in _suspects(turn)
    if not partition.may_act_against(turn, victim) or turn.leader() != turn.me:
        return False
    return any(_waits_for(turn, turn.records[name], victim) for name in turn.config.group_by_name)


def _suspects(turn: Turn) -> tuple[str, ...]:
    """Give whom the records that this server has won wait for: it alone may stop them by force."""
    return tuple(
        each.server
        for _, tenure in turn.tenures.items()
        if tenure.wants is Wants.CLEAR and tenure.record is not None
        for each in tenure.record.suspects
        if evidence.proof_about(turn, each.server, each.boot) is None
    )


def _waits_for(turn: Turn, record: Record, victim: str) -> bool:
    group = turn.config.group_by_name[record.group]
    if (turn.cold.get(record.group) or record.wanted) is not Wanted.AUTO:
        return False
    if victim != record.owner and victim not in record.cohort:
        return False
    manual = group.failover is Automatic.MANUAL and record.group not in turn.cold
    if manual and record.owner == victim:
        return False
    return not _is_served(turn, record) and _can_be_taken(turn, record.group)


def _is_served(turn: Turn, record: Record) -> bool:
    """Tell whether its owner lives and holds it; one whose claim still waits does not."""
    if not record.owner or not evidence.lives(turn, record):
        return False
    if record.owner == turn.me:
        return evidence.holds(turn, record.group)
    report = turn.peers[record.owner].groups.get(record.group)
    return report is None or report.epoch == record.epoch


def _can_be_taken(turn: Turn, group: str) -> bool:
    """Tell whether a server on this side could claim it, were it not for the silent one."""
    if evidence.current(turn, group):
        return True
    reports = (turn.peers[name].groups.get(group) for name in sorted(turn.up))
    return any(report is not None and report.current for report in reports)


def _boot_of(turn: Turn, victim: str) -> int:
    """Give the newest life that is known of it, from itself, from others or from a record."""
    owned = [r.boot.counter for _, r in turn.records.items() if r.owner == victim]
    for tenure in turn.tenures.value().values():
        if tenure.record is not None:
            owned += [s.boot.counter for s in tenure.record.suspects if s.server == victim]
    return max(turn.boots.get(victim) or 0, *owned, 0)


def _goes_first(turn: Turn) -> bool:
    """Tell whether this side need not wait, so that not both sides stop each other.

    While all that runs, runs on the other side, that one has no reason to stop anybody. Else the
    greater side goes first, and of two equal ones that with the best server.
    """
    if turn.config.policy in (Policy.LEASE, Policy.BOTH):
        return True  # a lease that has lapsed tells which side is the one that has gone
    names = turn.config.server_names
    side = {turn.me, *turn.up}
    contested = any(
        not record.owner or (record.owner in side and _is_served(turn, record))
        for _, record in turn.records.items()
        if (turn.cold.get(record.group) or record.wanted) is Wanted.AUTO
    )
    if not contested:
        return True
    if 2 * len(side) != len(names):
        return 2 * len(side) > len(names)
    return names[0] in side


# -- asking for it


def _request(turn: Turn, victim: str, local: LocalFence) -> None:
    way = turn.config.ways_to_stop(victim)[local.level]
    if victim not in turn.intents:
        intent = Intent(server=victim, boot=local.boot, at=turn.now + turn.was.wall)
        turn.intents.put(victim, intent)
    why = asking.about(turn, entry=way.name, victim=victim)
    action = Fence(id=turn.number(), call=why, timeout=way.timeout)
    turn.say("rc430", server=victim, boot=local.boot, fence=way.name, me=turn.me)
    asking.begin(turn, action, Matter.FENCE, victim)
    turn.fences.put(victim, attrs.evolve(local, action=action.id))


def take_power(turn: Turn, victim: str, action: int, outcome: Outcome) -> None:
    """Note what was read of a server's power."""
    local = turn.fences.get(victim)
    if local is None or local.action != action:
        return
    turn.fences.put(victim, attrs.evolve(local, action=0))
    if outcome.verdict is Verdict.OK and outcome.power is Power.OFF:
        asked_once = local.tries == 0 and local.level == 0
        if asked_once and turn.boot_of(victim).counter <= local.boot:
            turn.intents.drop(victim)  # else one may hit a new life: that shall be noticed
        turn.fences.drop(victim)
        turn.say("rc431", server=victim, boot=local.boot, ms=turn.now - local.since)
        _note_end(turn, victim, local, "")
        _learn(turn, Evidence(victim, local.boot, EvidenceKind.FENCED))
        return
    _try_again(turn, victim, local, _told(outcome))


def _note_end(turn: Turn, victim: str, local: LocalFence, reason: str) -> None:
    """Keep it for whoever asks later; the same failure again and again is one, the last of them."""
    ended = ForcedStop(
        server=victim,
        boot=local.boot,
        fence=turn.config.ways_to_stop(victim)[local.level].name,
        at=turn.now + turn.was.wall,
        took=turn.now - local.since,
        reason=reason,
    )
    again = turn.stops and ended == attrs.evolve(turn.stops[-1], at=ended.at, took=ended.took)
    before = turn.stops[:-1] if again else turn.stops
    turn.stops = (*before, ended)[-_REMEMBERED:]


def _told(outcome: Outcome) -> str:
    if outcome.detail:
        return outcome.detail
    power = outcome.power
    return outcome.verdict.value if power is None else f"its power was read as {power.value}"


def _try_again(turn: Turn, victim: str, local: LocalFence, reason: str) -> None:
    """Count a try; after the last one of the last level the group is blocked, or goes on."""
    way = turn.config.ways_to_stop(victim)[local.level]
    tries, level, failed = local.tries + 1, local.level, ""
    turn.say("rc432", server=victim, fence=way.name, tries=tries, of=way.tries, reason=reason)
    if tries >= way.tries:
        tries, level = 0, level + 1
    if level >= len(turn.config.ways_to_stop(victim)):
        level, failed = 0, reason
        turn.say("rc433", server=victim, me=turn.me, reason=reason)
        _note_end(turn, victim, local, reason)
        readiness.look_soon(turn, victim)
    after = LocalFence(
        boot=local.boot,
        since=local.since,
        level=level,
        tries=tries,
        next_at=turn.now + way.retry_interval,
        failed=failed,
    )
    turn.fences.put(victim, after)
    turn.sweep()
    if failed and turn.config.on_fence_failure is OnFenceFailure.FAILOVER:
        turn.peers.change(victim, evidence=EvidenceKind.NONE)


def blocked(turn: Turn, group: str, server: str, key: str = "rc530") -> Because:
    """Tell why *group* waits for *server*: a step that is under way, or else the sentence *key*."""
    if server in turn.up:
        return messages.because("rc596", group=group, server=server)
    silent = evidence.silent(turn, server) is not None
    if silent and turn.config.arbiter is None and not partition.may_act_against(turn, server):
        return messages.because("rc591", server=server)
    if silent and turn.config.np_only:
        return messages.because("rc592", server=server, ms=turn.config.np_wait)
    return stage(turn, server) or messages.because(key, group=group, server=server)


def stage(turn: Turn, server: str) -> Because | None:
    """Tell how far the forced stop of *server* is from here; None: none is under way."""
    local = turn.fences.get(server)
    if local is None:
        return None
    if local.failed:
        return messages.because("rc413", server=server, reason=local.failed)
    if local.action == 0 and local.tries == 0 and turn.now < local.next_at:
        return messages.because("rc411", server=server, me=turn.me, ms=turn.config.fence_delay)
    return messages.because("rc412", server=server)


# -- what is known of stopped servers


def confirm(turn: Turn, victim: str) -> None:
    """Take an operator's word that a silent server has stopped."""
    _learn(turn, Evidence(victim, _boot_of(turn, victim), EvidenceKind.OPERATOR))


def take_word(turn: Turn, sender: str, told: Iterable[Evidence]) -> None:
    """Note what another server has read, or was told."""
    kinds = (EvidenceKind.FENCED, EvidenceKind.OPERATOR)
    for each in told:
        known = turn.stopped.get(each.server)
        if each.server not in turn.peers or each.kind not in kinds:
            continue
        if each.boot < (turn.boots.get(each.server) or 0) or known == each:
            continue
        if known is None or known.boot < each.boot or known.kind is EvidenceKind.OPERATOR:
            turn.say("rc434", server=each.server, boot=each.boot, by=sender, kind=each.kind.value)
            _learn(turn, each)


def _learn(turn: Turn, word: Evidence) -> None:
    """Keep it. Who was read as off is silent from now on, whenever it was last heard."""
    turn.stopped.put(word.server, word)
    turn.boots.put(word.server, max(word.boot, turn.boots.get(word.server) or 0))
    of_this_life = turn.boot_of(word.server).counter <= word.boot
    if word.kind is EvidenceKind.FENCED and turn.peers[word.server].up and of_this_life:
        evidence.fall_silent(turn, word.server)
    evidence.stir(turn, turn.records, word.server)


def is_heard(turn: Turn, server: str, boot: Boot) -> None:
    """Drop what was believed of a server that gives a sign of life all the same."""
    word = turn.stopped.get(server)
    if word is None:
        return
    turn.stopped.drop(server)
    if boot.counter <= word.boot:
        turn.say("rc435", server=server, boot=boot.counter, kind=word.kind.value)


def news(turn: Turn, *, whole: bool = False) -> tuple[Evidence, ...]:
    """Give what this server has to tell: what changed in this turn, or the *whole*."""
    names = turn.stopped if whole else turn.stopped.touched
    return tuple(turn.stopped[name] for name in sorted(names) if name in turn.stopped)


# -- a forced stop that may still come


def _let_innocent_lives_in(turn: Turn) -> None:
    """Notice when a request that was accepted has hit a new life; forget it when it is old."""
    wall = turn.now + turn.was.wall
    for name, intent in turn.intents.items():
        local = turn.fences.get(name)
        if (local is not None and local.action) or turn.boot_of(name).counter <= intent.boot:
            continue
        age, most = wall - intent.at, _NOTICED_FOR * _longest(turn.config, name)
        if not turn.peers[name].up and evidence.silent(turn, name) is not None:
            turn.say("rc436", server=name, boot=turn.boot_of(name).counter, old=intent.boot)
            turn.intents.drop(name)
        elif not 0 <= age < most:
            turn.intents.drop(name)
        else:
            turn.wake(turn.now + most - age)


def _longest(config: ClusterConfig, server: str) -> int:
    return max((way.timeout for way in config.fencings if way.stops(server)), default=0)


def open_requests(config: ClusterConfig, state: ClusterState) -> tuple[str, ...]:
    """Give the servers whose forced stop was asked for and may still come."""
    wall = state.now + state.wall
    return tuple(
        name
        for name, intent in sorted(state.kept.intents.items())
        if 0 <= wall - intent.at < _longest(config, name)
    )


def is_waited_for(turn: Turn) -> str:
    """Give a server whose request to stop this one may still be carried out; "" for none."""
    for name in sorted(turn.up):
        beat: Beat | None = turn.peers[name].beat
        if beat is not None and turn.me in beat.fences:
            return name
    return ""
